//! The SSH side of a session: what is offered, sign-in, channels, and the subsystem `sftp`. Nothing else runs here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lazaret_core::caller::Caller;
use lazaret_core::event::Observation;
use lazaret_core::refusal::PartyCode;
use russh::kex::dh::groups::{DH_GROUP15, DH_GROUP16, DH_GROUP18, DhGroup};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Response, Session as Ssh, VerifiedPublicKey,
};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, Disconnect, Limits, MethodKind, MethodSet, Preferred, Pty, SshId, cipher,
    compression, kex, mac,
};

use super::door::Door;
use super::inbox::{Ended, Feeder, Inbox};
use super::line::Cut;
use super::login::{self, Attempt, Attempts};
use super::outbox::{self, Outbox};
use super::session::{Acting, Session};
use super::sessions::{Seat, Sessions};
use super::strangers::{Network, Offence, Place};
use crate::auth::caller::Shut;
use crate::auth::signin;

/// What we call ourselves.
const VERSION: &str = "SSH-2.0-Lazaret";
/// Channels of one connection.
const CHANNELS_MAX: usize = 10;
/// Bytes that a peer may send ahead on one channel. The library allows twice this to be under way when it changes keys, so
/// it stands from the beginning instead of being raised later.
const WINDOW_BYTES: u32 = 8 << 20;
/// The same for connections beyond the budget below.
const WINDOW_BYTES_NARROW: u32 = 2 << 20;
/// Promised to all connections together.
const WINDOW_BUDGET_BYTES: usize = 1 << 30;
/// Connections that get the wide window.
const WIDE_MAX: usize = WINDOW_BUDGET_BYTES / WINDOW_BYTES as usize;
/// The largest packet that the library takes.
const PACKET_BYTES: u32 = 65_535;
/// Every refusal takes as long as the slowest look-up, so that its time says nothing.
const REFUSAL: Duration = Duration::from_millis(100);
/// A silent peer is asked so often whether it is there, and so many times.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVES_MAX: usize = 3;
/// A backstop of the library's own; ours count offers and failures apart.
const REJECTIONS_MAX: usize = 14;
/// Keys are changed after so much, and after this time (RFC 4253 section 9).
const REKEY_BYTES: usize = 1 << 30;
const REKEY: Duration = Duration::from_secs(3_600);
/// Answers handed to the transport before their sender waits.
const HANDED_MAX: usize = 4;
/// What `exec` and `shell` are told. rclone's probes cope with it.
const SFTP_ONLY: &[u8] = b"This server speaks SFTP only. Use sftp, or scp without -O.\n";
/// What a peer is told that asks and asks and does not read.
const UNREAD: &str = "Too many answers wait to be read.";
/// The smallest group for which group exchange is done.
const GEX_BITS_MIN: usize = 3_072;

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_GEX_SHA256,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

/// No ChaCha20-Poly1305 and no CBC: Terrapin (CVE-2023-48795) needs one of them.
const CIPHERS: &[cipher::Name] =
    &[cipher::AES_256_GCM, cipher::AES_128_GCM, cipher::AES_256_CTR, cipher::AES_192_CTR, cipher::AES_128_CTR];

const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];

/// Of host keys those that we have are offered; the rest says which user keys are taken (RFC 8308 `server-sig-algs`).
const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::SkEd25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::SkEcdsaSha2NistP256,
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// What is offered to every connection.
#[derive(Debug)]
pub(super) struct Offers {
    wide: Arc<Config>,
    narrow: Arc<Config>,
}

impl Offers {
    /// With this host key.
    pub(super) fn new(host_key: &PrivateKey) -> Offers {
        let of = |window_bytes| Arc::new(config(host_key.clone(), window_bytes));
        Offers { wide: of(WINDOW_BYTES), narrow: of(WINDOW_BYTES_NARROW) }
    }

    /// For a connection beside so many others.
    pub(super) fn beside(&self, others: usize) -> Arc<Config> {
        Arc::clone(if others < WIDE_MAX { &self.wide } else { &self.narrow })
    }
}

fn config(host_key: PrivateKey, window_bytes: u32) -> Config {
    Config {
        server_id: SshId::Standard(Cow::Borrowed(VERSION)),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: REFUSAL,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        limits: Limits::new(REKEY_BYTES, REKEY_BYTES, REKEY),
        window_size: window_bytes,
        maximum_packet_size: PACKET_BYTES,
        event_buffer_size: HANDED_MAX,
        preferred: Preferred {
            kex: Cow::Borrowed(KEX),
            key: Cow::Borrowed(KEYS),
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        max_auth_attempts: REJECTIONS_MAX,
        // Our own clocks: the grace before sign-in, and the executor's idle time.
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVES_MAX,
        nodelay: true,
        ..Config::default()
    }
}

/// One connection.
pub(super) struct Connection {
    door: Arc<Door>,
    network: Network,
    cut: Arc<Cut>,
    /// A stranger's place, until sign-in.
    place: Option<Place>,
    attempts: Attempts,
    user: String,
    caller: Option<Caller>,
    signed_in: Arc<AtomicBool>,
    seat: Option<Seat>,
    channels: HashMap<ChannelId, Service>,
}

/// What a channel is for.
enum Service {
    /// Nothing was asked for yet.
    None,
    Sftp(Box<Feeder>, Arc<Outbox>),
    /// Told that there is nothing else, or ended.
    Over,
}

impl Connection {
    /// A stranger's connection. `signed_in` turns true when it is one no more.
    pub(super) fn new(
        door: Arc<Door>,
        network: Network,
        place: Place,
        cut: Arc<Cut>,
        signed_in: Arc<AtomicBool>,
    ) -> Connection {
        Connection {
            door,
            network,
            cut,
            place: Some(place),
            attempts: Attempts::default(),
            user: String::new(),
            caller: None,
            signed_in,
            seat: None,
            channels: HashMap::new(),
        }
    }

    /// The library's answer to an attempt; where it is over, the connection ends.
    fn answer(attempt: Attempt) -> Result<Auth, russh::Error> {
        match attempt {
            Attempt::Prove => Ok(Auth::Accept),
            Attempt::Refused => Ok(Auth::reject()),
            Attempt::Over => Err(russh::Error::Disconnect),
        }
    }

    /// The one thing that a client may ask a program for.
    fn refuse_program(&mut self, channel: ChannelId, ssh: &mut Ssh) -> Result<(), russh::Error> {
        self.channels.insert(channel, Service::Over);
        ssh.channel_success(channel)?;
        ssh.extended_data(channel, 1, SFTP_ONLY)?;
        ssh.exit_status_request(channel, 1)?;
        ssh.eof(channel)?;
        ssh.close(channel)
    }

    fn start(&mut self, channel: ChannelId, ssh: &mut Ssh) -> Option<Service> {
        let (caller, seat) = (self.caller.clone()?, self.seat.as_ref()?);
        let (inbox, outbox) = (Arc::new(Inbox::default()), Arc::new(Outbox::default()));
        let acting = Acting::new(&self.door, caller, self.user.clone(), seat);
        let session = Session::new(acting, Arc::clone(&inbox), Arc::clone(&outbox));
        let working = self.door.work();
        tokio::spawn(async move {
            session.run().await;
            drop(working);
        });
        tokio::spawn(outbox::drain(Arc::clone(&outbox), ssh.handle(), channel));
        Some(Service::Sftp(Box::new(Feeder::new(inbox, Arc::clone(&self.door.pool))), outbox))
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_password(&mut self, _user: &str, _password: &str) -> Result<Auth, russh::Error> {
        Connection::answer(self.attempts.fail())
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        _response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        Connection::answer(self.attempts.fail())
    }

    async fn auth_openssh_certificate(
        &mut self,
        _user: &str,
        _certificate: &russh::keys::Certificate,
    ) -> Result<Auth, russh::Error> {
        Connection::answer(self.attempts.fail())
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        user.clone_into(&mut self.user);
        let found = login::caller(&self.door.gate, user, offer.public_key, offer.algorithm);
        Connection::answer(self.attempts.offer(found != Err(Shut::Nobody)))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        // Asked again: what was so when the key was offered may not be so now.
        let found = login::caller(&self.door.gate, user, key.public_key, key.algorithm);
        if found == Err(Shut::Nobody) {
            return Connection::answer(self.attempts.fail());
        }
        user.clone_into(&mut self.user);
        self.caller = found.ok();
        Ok(Auth::Accept)
    }

    async fn auth_succeeded(&mut self, ssh: &mut Ssh) -> Result<(), russh::Error> {
        self.signed_in.store(true, Ordering::Release);
        self.place = None;
        let Some(caller) = self.caller.clone() else {
            // Isolated: known, and kept out. Not a failure of theirs.
            return ssh.disconnect(Disconnect::ByApplication, PartyCode::LaneClosed.sentence(), "en");
        };
        self.door.seen.saw(Observation::SignedIn, Some(caller.actor()), caller.credential());
        self.seat = Sessions::seat(&self.door, &caller, ssh.handle(), Arc::clone(&self.cut));
        if self.seat.is_none() {
            ssh.disconnect(Disconnect::TooManyConnections, "Too many connections of yours are open.", "en")?;
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _ssh: &mut Ssh,
    ) -> Result<(), russh::Error> {
        if self.channels.len() >= CHANNELS_MAX {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
        } else {
            self.channels.insert(channel.id(), Service::None);
            reply.accept().await;
        }
        Ok(())
    }

    async fn subsystem_request(&mut self, channel: ChannelId, name: &str, ssh: &mut Ssh) -> Result<(), russh::Error> {
        let fresh = matches!(self.channels.get(&channel), Some(Service::None));
        let started = if fresh && name == "sftp" { self.start(channel, ssh) } else { None };
        match started {
            Some(service) => {
                self.channels.insert(channel, service);
                ssh.channel_success(channel)
            }
            None => ssh.channel_failure(channel),
        }
    }

    async fn exec_request(&mut self, channel: ChannelId, _data: &[u8], ssh: &mut Ssh) -> Result<(), russh::Error> {
        // The command is not even looked at.
        self.refuse_program(channel, ssh)
    }

    async fn shell_request(&mut self, channel: ChannelId, ssh: &mut Ssh) -> Result<(), russh::Error> {
        self.refuse_program(channel, ssh)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        ssh: &mut Ssh,
    ) -> Result<(), russh::Error> {
        ssh.channel_failure(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        ssh: &mut Ssh,
    ) -> Result<(), russh::Error> {
        ssh.channel_failure(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        _value: &str,
        ssh: &mut Ssh,
    ) -> Result<(), russh::Error> {
        ssh.channel_failure(channel)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        ssh: &mut Ssh,
    ) -> Result<(), russh::Error> {
        ssh.channel_failure(channel)
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], ssh: &mut Ssh) -> Result<(), russh::Error> {
        let Some(service) = self.channels.get_mut(&channel) else { return Ok(()) };
        let Service::Sftp(feeder, outbox) = service else { return Ok(()) };
        match feeder.feed(data).await {
            Ok(()) => Ok(()),
            Err(ended) => {
                feeder.abandon();
                outbox.close();
                *service = Service::Over;
                if ended == Ended::Gone {
                    return Ok(());
                }
                tracing::info!(?ended, "an SFTP session was ended");
                match ended {
                    // The end of a channel waits behind its answers, and this peer reads none.
                    Ended::Overflow => ssh.disconnect(Disconnect::ByApplication, UNREAD, "en"),
                    Ended::Malformed(_) | Ended::Gone => ssh.close(channel),
                }
            }
        }
    }

    async fn channel_eof(&mut self, channel: ChannelId, _ssh: &mut Ssh) -> Result<(), russh::Error> {
        if let Some(Service::Sftp(feeder, _)) = self.channels.get(&channel) {
            feeder.finish();
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _ssh: &mut Ssh) -> Result<(), russh::Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    async fn lookup_dh_gex_group(
        &mut self,
        params: &russh::client::GexParams,
    ) -> Result<Option<DhGroup>, russh::Error> {
        let fits = |group: &&DhGroup| {
            (params.min_group_size().max(GEX_BITS_MIN)..=params.max_group_size()).contains(&group.bit_size())
        };
        let groups = [&DH_GROUP15, &DH_GROUP16, &DH_GROUP18];
        let wanted = groups.into_iter().filter(fits).find(|group| group.bit_size() >= params.preferred_group_size());
        Ok(wanted.or_else(|| groups.into_iter().rfind(fits)).cloned())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.signed_in.load(Ordering::Acquire) || !self.attempts.any() {
            return;
        }
        self.door.strangers.punish(self.network, Offence::Failed, tokio::time::Instant::now());
        let known = self.door.gate.read(|_, side| side.by_slug(&self.user)).ok().flatten();
        signin::note_refused(&self.door.gate, known.map(lazaret_core::id::Id::cast), None);
    }
}
