//! CycloneDX: what is accepted is recognised too, parts come after what they are part of, and gaps are counted.
#![no_main]

use lazaret_formats::sbom::{Kind, cyclonedx::Bom, recognise};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let kind = recognise(data);
    let Ok(bom) = Bom::parse(data) else { return };
    assert!(kind.is_some(), "accepted and not recognised");
    for (place, component) in bom.components.iter().enumerate() {
        assert!(component.parent.is_none_or(|parent| parent < place));
    }
    assert!(bom.gaps().iter().all(|(_, count)| *count > 0));
    let _ = kind == Some(Kind::CycloneDxJson);
});
