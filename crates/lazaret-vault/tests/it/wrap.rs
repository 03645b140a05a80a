//! Root keys from files.

use std::os::unix::fs::PermissionsExt as _;

use lazaret_vault::Fault;
use lazaret_vault::wrap::RootKey;
use lazaret_vault::wrap::file::secret_file;

use crate::*;

fn with_mode(directory: &Path, name: &str, bytes: &[u8], mode: u32) -> std::path::PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, bytes).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_secret_file_that_others_may_use_is_refused_with_the_command_to_run() {
    let directory = tempfile::tempdir().unwrap();
    for mode in [0o640, 0o604, 0o660, 0o644, 0o601, 0o610, 0o620, 0o602, 0o777] {
        let path = with_mode(directory.path(), &format!("key{mode:o}"), &[7; 32], mode);
        let fault = secret_file(&RealDisk, &path, 64).expect_err("a loose mode passes");
        assert!(matches!(fault, Fault::LooseMode { mode: found, .. } if found == mode));
        assert!(fault.to_string().contains(&format!("chmod 600 {}", path.display())), "{fault}");
        assert!(FileRoot::open_key_file(&RealDisk, &path).is_err());
    }
    for mode in [0o600, 0o400] {
        let path = with_mode(directory.path(), &format!("good{mode:o}"), &[7; 32], mode);
        assert_eq!(secret_file(&RealDisk, &path, 64).unwrap().as_slice(), [7; 32]);
        assert!(secret_file(&RealDisk, &path, 31).is_err(), "longer than allowed");
    }
}

#[test]
fn a_symbolic_link_is_not_a_secret_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = with_mode(directory.path(), "key", &[7; 32], 0o600);
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(secret_file(&RealDisk, &link, 64).is_err());
}

#[test]
fn a_key_file_is_made_private_and_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let made = FileRoot::create_key_file(&RealDisk, &SystemSource::default(), &path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 32);
    let again = FileRoot::create_key_file(&RealDisk, &SystemSource::default(), &path);
    assert!(matches!(again.err(), Some(Fault::Exists)));
    let opened = FileRoot::open_key_file(&RealDisk, &path).unwrap();
    assert_eq!(opened.id(), made.id());
    let sealed = made.seal(&SystemSource::default(), b"aad", b"plain").unwrap();
    assert_eq!(opened.open(b"aad", &sealed).unwrap().as_slice(), b"plain");
    assert!(matches!(opened.open(b"other", &sealed).err(), Some(Fault::WrongRoot)));
    let short = with_mode(directory.path(), "short", &[7; 31], 0o600);
    assert!(matches!(FileRoot::open_key_file(&RealDisk, &short).err(), Some(Fault::BadSecretFile { .. })));
}

#[test]
fn a_passphrase_gives_the_same_root_again_and_another_one_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = with_mode(directory.path(), "passphrase", b"correct horse battery\n", 0o600);
    assert!(matches!(FileRoot::open_passphrase(&RealDisk, &path).err(), Some(Fault::Missing)));
    let made = FileRoot::create_passphrase(&RealDisk, &SystemSource::default(), &path).unwrap();
    let opened = FileRoot::open_passphrase(&RealDisk, &path).unwrap();
    assert_eq!(opened.id(), made.id());
    let beside = directory.path().join("passphrase.argon2id");
    let text = std::fs::read_to_string(&beside).unwrap();
    assert!(text.starts_with("$argon2id$v=19$m=65536,t=3,p=4$"), "{text}");
    with_mode(directory.path(), "passphrase", b"correct horse batterz\n", 0o600);
    assert_ne!(FileRoot::open_passphrase(&RealDisk, &path).unwrap().id(), made.id());
    with_mode(directory.path(), "passphrase", b"too short", 0o600);
    assert!(matches!(FileRoot::open_passphrase(&RealDisk, &path).err(), Some(Fault::BadSecretFile { .. })));
}

#[test]
fn weaker_or_malformed_passphrase_parameters_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = with_mode(directory.path(), "p", b"correct horse battery", 0o600);
    let salt = "00112233445566778899aabbccddeeff";
    let bad = [
        format!("$argon2id$v=19$m=1024,t=3,p=4${salt}"),
        format!("$argon2id$v=19$m=65536,t=1,p=4${salt}"),
        format!("$argon2id$v=19$m=4294967295,t=3,p=4${salt}"),
        format!("$argon2i$v=19$m=65536,t=3,p=4${salt}"),
        "$argon2id$v=19$m=65536,t=3,p=4$0011".into(),
        format!("$argon2id$v=19$m=65536,t=3,p=4$+{}", &salt[1..]),
        String::new(),
    ];
    for text in bad {
        with_mode(directory.path(), "p.argon2id", text.as_bytes(), 0o600);
        let fault = FileRoot::open_passphrase(&RealDisk, &path).err();
        assert!(matches!(fault, Some(Fault::BadSecretFile { .. })), "{text} passes");
    }
}
