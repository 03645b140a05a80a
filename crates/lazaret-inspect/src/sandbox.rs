//! The cell that hostile content is opened in: no files, no sockets, no other programs, no executable memory.
//!
//! [`lock_down`] gives a process up to it for good. It does not start processes and does not speak the protocol. The
//! order matters: what needs a right comes before that right is given up, and the filter of system calls comes last.

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
use minicbor::{Decode, Encode};
use nix::sched::CloneFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};

use self::descriptors::close_all_but_the_pipes;

mod descriptors;
mod filter;

pub use self::filter::CALLS;

/// Memory that a worker may write to, in bytes: heap and anonymous mappings, not the addresses an allocator reserves.
pub const DATA_BYTES_MAX: u64 = 384 * 1024 * 1024;
/// CPU time of a worker in seconds, over all its jobs; the parent's limit for one job is far below it.
pub const CPU_SECONDS_MAX: u64 = 2 * 60 * 60;

/// How far the cell is closed. Seccomp is always active in this value; without it there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Confinement {
    /// The filter of system calls is active for every thread.
    #[n(0)]
    pub seccomp: bool,
    /// Landlock, with a ruleset that allows nothing.
    #[n(1)]
    pub landlock: Strength,
    /// The process is alone in a user, network and IPC namespace.
    #[n(2)]
    pub namespaces: bool,
}

impl Confinement {
    /// Whether a layer is missing or partial: health shows it, the gate still works.
    pub fn degraded(&self) -> bool {
        self.landlock != Strength::Full || !self.namespaces
    }

    /// No cell at all: for tests that run the loop inside their own process.
    pub const NONE: Confinement = Confinement { seccomp: false, landlock: Strength::Absent, namespaces: false };
}

/// How much of a layer the kernel offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Strength {
    /// All that we ask for.
    #[n(0)]
    Full,
    /// An older kernel enforces part of it.
    #[n(1)]
    Partial,
    /// The kernel does not offer it, or it is switched off.
    #[n(2)]
    Absent,
}

/// Why a process would not be a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Refused {
    /// It was started with environment variables, which can hold secrets.
    #[n(0)]
    Environment,
    /// Its input or output is not a pipe.
    #[n(1)]
    Descriptors,
    /// It could not give up gaining rights, or being read by a debugger.
    #[n(2)]
    Privileges,
    /// A resource limit was not accepted.
    #[n(3)]
    Limits,
    /// The kernel has no seccomp filters, or the filter was not accepted.
    #[n(4)]
    Seccomp,
    /// The rules do not compile, or the warm-up scan failed.
    #[n(5)]
    Rules,
    /// The parent's first message was not a set-up.
    #[n(6)]
    Setup,
}

impl Refused {
    /// What is so, for the operator's log.
    pub const fn text(self) -> &'static str {
        match self {
            Refused::Environment => "the worker's environment is not empty",
            Refused::Descriptors => "the worker's input or output is not a pipe",
            Refused::Privileges => "the worker could not give up its privileges",
            Refused::Limits => "the kernel did not accept a resource limit",
            Refused::Seccomp => "the kernel did not accept the filter of system calls",
            Refused::Rules => "the inspection rules do not compile",
            Refused::Setup => "the worker's first message was not a set-up",
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Refused {}

/// Gives this process up to the cell. There is no way back, and nothing hostile may have been read before.
///
/// Call it in a process of one thread whose standard input and output are pipes: every other descriptor is closed,
/// standard error too.
///
/// # Errors
/// The process is not fit to be a worker, or the kernel cannot confine it. The process should end then.
pub fn lock_down() -> Result<Confinement, Refused> {
    if std::env::vars_os().next().is_some() {
        return Err(Refused::Environment);
    }
    // Before the process stops being dumpable: then its own /proc belongs to root.
    close_all_but_the_pipes().map_err(|_| Refused::Descriptors)?;
    let namespaces = leave_namespaces();
    give_up_privileges().map_err(|_| Refused::Privileges)?;
    let landlock = close_file_system_and_network();
    set_limits().map_err(|_| Refused::Limits)?;
    let program = filter::program().map_err(|_| Refused::Seccomp)?;
    seccompiler::apply_filter_all_threads(&program).map_err(|_| Refused::Seccomp)?;
    Ok(Confinement { seccomp: true, landlock, namespaces })
}

/// A network without devices, and no shared memory of others. A user namespace makes it possible without root; where
/// neither is allowed the process stays, and health says so.
fn leave_namespaces() -> bool {
    let alone = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
    nix::sched::unshare(CloneFlags::CLONE_NEWUSER | alone).is_ok() || nix::sched::unshare(alone).is_ok()
}

fn give_up_privileges() -> rustix::io::Result<()> {
    set_no_new_privs(true)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

/// A ruleset that handles every access there is and allows none of them.
fn close_file_system_and_network() -> Strength {
    let newest = ABI::V6;
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(newest))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(newest)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(newest)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    match restricted.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => Strength::Full,
        Ok(RulesetStatus::PartiallyEnforced) => Strength::Partial,
        Ok(RulesetStatus::NotEnforced) | Err(_) => Strength::Absent,
    }
}

/// Limits that hold whatever else fails. FSIZE does not concern pipes; NOFILE leaves the two descriptors open and lets
/// no third one be made.
fn set_limits() -> rustix::io::Result<()> {
    let limits = [
        (Resource::Data, DATA_BYTES_MAX),
        (Resource::Cpu, CPU_SECONDS_MAX),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Nproc, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::Nofile, 2),
    ];
    for (resource, value) in limits {
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_layer_is_degraded_and_says_so() {
        let full = Confinement { seccomp: true, landlock: Strength::Full, namespaces: true };
        assert!(!full.degraded());
        assert!(Confinement { landlock: Strength::Partial, ..full }.degraded());
        assert!(Confinement { landlock: Strength::Absent, ..full }.degraded());
        assert!(Confinement { namespaces: false, ..full }.degraded());
    }
}
