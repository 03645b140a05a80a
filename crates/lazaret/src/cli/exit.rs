//! How the program ends. The numbers are part of the outside contract.

use std::process::ExitCode;

/// What a script can tell from the end of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; of a transfer: released, or received where nobody waited for more.
    Done,
    /// It failed, and no other number says how.
    Error,
    /// The command line or a configuration is off.
    Usage,
    /// The server is not there, or cannot answer now.
    Network,
    /// Whoever asked is not signed in.
    SignIn,
    /// Held, not checked, or not decided within the wait.
    Held,
    /// Denied, or otherwise never to be released.
    Denied,
    /// Something that was to be proved is not.
    Unverified,
}

/// Of several files the first of these that happened to any of them is how the program ends.
const WORST_FIRST: [Exit; 8] =
    [Exit::Usage, Exit::Network, Exit::SignIn, Exit::Error, Exit::Unverified, Exit::Denied, Exit::Held, Exit::Done];

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::Network => 3,
            Exit::SignIn => 4,
            Exit::Held => 8,
            Exit::Denied => 9,
            Exit::Unverified => 10,
        }
    }

    /// The end of several: what a reader should look at first.
    pub(crate) fn of_several(ends: impl IntoIterator<Item = Exit>) -> Exit {
        let ends: Vec<Exit> = ends.into_iter().collect();
        WORST_FIRST.into_iter().find(|worst| ends.contains(worst)).unwrap_or(Exit::Done)
    }

    /// The end of a transfer by the word of its stage.
    pub(crate) fn of_state(state: &str) -> Exit {
        match state {
            "released" | "delivered" => Exit::Done,
            "denied" | "withdrawn" | "expired" | "superseded" => Exit::Denied,
            // A word of a newer gate is not taken for a release.
            _ => Exit::Held,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_files_the_first_of_3_4_1_10_9_8_0_is_the_end() {
        let ends = [Exit::Done, Exit::Held, Exit::Denied, Exit::Unverified, Exit::Error, Exit::SignIn, Exit::Network];
        let codes: Vec<u8> = (1..=ends.len()).map(|n| Exit::of_several(ends.iter().take(n).copied()).code()).collect();
        assert_eq!(codes, [0, 8, 9, 10, 1, 4, 3]);
        assert_eq!(Exit::of_several(ends.into_iter().rev()).code(), 3);
        assert_eq!(Exit::of_several([]), Exit::Done);
    }

    #[test]
    fn only_a_release_ends_well() {
        use lazaret_core::transfer::Stage;
        for stage in Stage::ALL {
            let done = matches!(stage, Stage::Released | Stage::Delivered);
            assert_eq!(Exit::of_state(stage.word()) == Exit::Done, done, "{}", stage.word());
        }
        assert_eq!(Exit::of_state("something new"), Exit::Held);
    }
}
