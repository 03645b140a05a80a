//! `lazaret login`, `logout`, `whoami`: to be known to a gate without naming it each time. What is kept is a token, so it lies
//! in a file that only its owner reads, and never in the environment or in an argument.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use clap::Args;

use super::client::Client;
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::find::{LOGIN_FILE, Unnamed, Where};
use super::out::{self, shown};
use super::send::garbled;
use crate::api::types::{Json as _, LoginJson, WhoamiJson, from_json};
use crate::config::Surroundings;

/// Be known to a gate.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    place: Where,
}

/// Who the gate says that one is.
#[derive(Debug, Args)]
pub(crate) struct WhoamiArgs {
    #[command(flatten)]
    place: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl WhoamiArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }
}

/// Asks the gate whom the token speaks for, then keeps it.
pub(crate) async fn login(args: LoginArgs, around: &Surroundings) -> Result<Exit> {
    let place = &args.place;
    if place.server.is_none() && place.who.is_none() {
        return Err(Failure::usage("as whom, and where, is not said")
            .hint("--server URL --token-file FILE --ca FILE, or --as NAME with a ready file"));
    }
    let site = place.resolve(around, Unnamed::Refused)?;
    let me = ask(&mut Client::new(&site)?).await?;
    let kept = LoginJson {
        server: site.server.clone(),
        ca_pem: String::from_utf8_lossy(&site.ca_pem).into_owned(),
        token: site.token.to_string(),
        name: me.name.clone(),
    };
    let path = keep(around, &kept)?;
    out::print(&format!("  {} at {}\n", shown(&me.name), site.server))?;
    out::say(&format!("  kept in {}; lazaret logout removes it", path.display()));
    Ok(Exit::Done)
}

/// Forgets it.
pub(crate) fn logout(around: &Surroundings) -> Result<Exit> {
    let path = state_path(around)?;
    match std::fs::remove_file(&path) {
        Ok(()) => out::say("  forgotten here; the token itself is valid until it ends or is revoked"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => out::say("  nobody was logged in"),
        Err(error) => return Err(Failure::file("remove", &path, &error)),
    }
    Ok(Exit::Done)
}

/// Says who one is.
pub(crate) async fn whoami(args: WhoamiArgs, around: &Surroundings) -> Result<Exit> {
    let site = args.place.resolve(around, Unnamed::FirstPerson)?;
    let me = ask(&mut Client::new(&site)?).await?;
    if args.json {
        out::print_json(&me)?;
        return Ok(Exit::Done);
    }
    let party = me.party.as_ref().map(|party| format!(", of {}", shown(party))).unwrap_or_default();
    out::print(&format!("  {}  {}{party}  {}\n", shown(&me.name), me.id, me.roles.join(", ")))?;
    Ok(Exit::Done)
}

async fn ask(client: &mut Client) -> Result<WhoamiJson> {
    let answer = client.get("/api/v1/whoami").await?;
    from_json(&answer.body).map_err(garbled)
}

fn state_path(around: &Surroundings) -> Result<PathBuf> {
    let dir = around
        .state_dir
        .as_ref()
        .ok_or_else(|| Failure::usage("there is no place to keep a login").hint("set XDG_STATE_HOME or HOME"))?;
    Ok(dir.join(LOGIN_FILE))
}

/// Writes the file new each time, so that its mode is never what an older one had.
fn keep(around: &Surroundings, kept: &LoginJson) -> Result<PathBuf> {
    let path = state_path(around)?;
    let failed = |error: std::io::Error| Failure::file("write", &path, &error);
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    }
    let partial = path.with_extension("partial");
    drop(std::fs::remove_file(&partial));
    let text = kept.to_json()?;
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    std::fs::rename(&partial, &path).map_err(failed)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_kept_is_read_by_its_owner_only_and_is_gone_after_logout() {
        let dir = tempfile::tempdir().unwrap();
        let around = Surroundings { state_dir: Some(dir.path().join("a/b")), ..Surroundings::default() };
        let kept =
            LoginJson { server: "https://h:1".into(), ca_pem: "p".into(), token: "lzt_x".into(), name: "Ana".into() };
        let path = keep(&around, &kept).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        keep(&around, &kept).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Where::default().resolve(&around, Unnamed::Refused).unwrap().server, "https://h:1");
        logout(&around).unwrap();
        assert!(!path.exists());
        logout(&around).unwrap();
    }
}
