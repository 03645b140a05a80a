//! Policy sets from any text: alone, and as rules added to the baseline. What is accepted keeps every hard rule.
#![no_main]

use lazaret_core::policy::{BASELINE, Bundle, HARD_RULES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Text after a NUL stands behind the baseline, so that it can be a set; a NUL is in no policy.
    let accepted = match text.strip_prefix('\0') {
        Some(more) => Bundle::parse(&format!("{BASELINE}\n{more}")),
        None => Bundle::parse(text),
    };
    if let Ok(bundle) = accepted {
        assert!(HARD_RULES.iter().all(|hard| bundle.rule(hard).is_some_and(|rule| rule.forbids)));
        let again = Bundle::parse(&match text.strip_prefix('\0') {
            Some(more) => format!("{BASELINE}\n{more}"),
            None => text.to_owned(),
        });
        assert_eq!(again.map(|again| again.digest()), Ok(bundle.digest()));
    }
});
