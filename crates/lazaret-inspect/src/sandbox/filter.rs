//! The list of system calls as a program for the kernel. The list itself is data, with a comment for each call.

use seccompiler::{BpfProgram, TargetArch};

/// Every call that a worker may make, by name, with who needs it. Anything else ends the process.
pub const CALLS: &str = include_str!("calls.json");

/// The filter for this machine.
///
/// # Errors
/// The machine's architecture is neither x86-64 nor AArch64, or the list names a call that it does not have.
pub(super) fn program() -> Result<BpfProgram, seccompiler::Error> {
    compile(std::env::consts::ARCH.try_into().map_err(seccompiler::Error::Backend)?)
}

fn compile(arch: TargetArch) -> Result<BpfProgram, seccompiler::Error> {
    let mut programs = seccompiler::compile_from_json(CALLS.as_bytes(), arch)?;
    programs.remove("worker").ok_or(seccompiler::Error::EmptyFilter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: u32 = 0x7fff_0000;
    const KILL_PROCESS: u32 = 0x8000_0000;
    const X86_64: u32 = 0xc000_003e;
    const AARCH64: u32 = 0xc000_00b7;

    /// Runs the filter as the kernel would (classic BPF; Linux, Documentation/userspace-api/seccomp_filter.rst).
    fn verdict(program: &BpfProgram, arch: u32, call: u32, args: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend(call.to_le_bytes());
        data.extend(arch.to_le_bytes());
        data.extend(0_u64.to_le_bytes());
        args.iter().for_each(|arg| data.extend(arg.to_le_bytes()));
        let word = |at: usize| u32::from_le_bytes(data[at..at + 4].try_into().unwrap());
        let (mut at, mut acc) = (0_usize, 0_u32);
        loop {
            let step = &program[at];
            let taken = |yes: bool| at + 1 + usize::from(if yes { step.jt } else { step.jf });
            at = match step.code {
                0x20 => (acc = word(step.k as usize), at + 1).1,
                0x54 => (acc &= step.k, at + 1).1,
                0x05 => at + 1 + step.k as usize,
                0x15 => taken(acc == step.k),
                0x25 => taken(acc > step.k),
                0x35 => taken(acc >= step.k),
                0x06 => return step.k,
                other => panic!("instruction {other:#x}"),
            };
        }
    }

    /// Numbers of read, write, mmap, mprotect, exit_group, then of open or openat, socket, execve, clone, ptrace.
    const X86_64_CALLS: ([u32; 2], u32, u32, [u32; 5]) = ([0, 1], 9, 10, [257, 41, 59, 56, 101]);
    const AARCH64_CALLS: ([u32; 2], u32, u32, [u32; 5]) = ([63, 64], 222, 226, [56, 198, 221, 220, 117]);

    fn check(target: TargetArch, arch: u32, calls: ([u32; 2], u32, u32, [u32; 5])) {
        let program = compile(target).expect("the list is valid");
        let (free, mmap, mprotect, killed) = calls;
        for call in free {
            assert_eq!(verdict(&program, arch, call, [0; 6]), ALLOW, "{call}");
        }
        for call in [mmap, mprotect] {
            for prot in 0..16_u64 {
                let expected = if prot & 4 == 0 { ALLOW } else { KILL_PROCESS };
                assert_eq!(verdict(&program, arch, call, [0, 4096, prot, 0, 0, 0]), expected, "{call} {prot}");
            }
        }
        for call in killed {
            assert_eq!(verdict(&program, arch, call, [0; 6]), KILL_PROCESS, "{call}");
        }
        // The 32-bit table of the same machine, and x32 numbers, are other calls under known numbers.
        assert_eq!(verdict(&program, 0x4000_0003, 0, [0; 6]), KILL_PROCESS);
        assert_eq!(verdict(&program, arch, 0x4000_0000, [0; 6]), KILL_PROCESS);
    }

    // EVIDENCE-OF: R-206
    #[test]
    fn only_listed_calls_pass_and_no_memory_becomes_executable() {
        check(TargetArch::x86_64, X86_64, X86_64_CALLS);
        check(TargetArch::aarch64, AARCH64, AARCH64_CALLS);
    }

    #[test]
    fn every_call_has_its_comment() {
        let list: serde_json::Value = serde_json::from_str(CALLS).unwrap();
        let calls = list["worker"]["filter"].as_array().unwrap();
        assert!(calls.iter().all(|call| call["comment"].as_str().is_some_and(|text| text.len() > 10)));
        assert_eq!(list["worker"]["mismatch_action"], "kill_process");
    }
}
