//! X12 and EDIFACT: trade messages name businesses, health care messages name patients. The first are read as text, the
//! second have fields that this does not know yet.

use crate::content::{Content, ReadFault, whole};

/// Bytes of an interchange that is told apart; a longer one is not.
const INTERCHANGE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// X12 transaction sets about goods and money, and acknowledgements (X12 003, "Transaction Set Tables").
const X12_TRADE: &[&str] = &[
    "810", "820", "824", "830", "832", "840", "843", "844", "845", "846", "849", "850", "852", "855", "856", "857",
    "860", "861", "862", "864", "865", "867", "869", "870", "940", "943", "944", "945", "947", "997", "999",
];
/// EDIFACT messages of the same kind (UN/EDIFACT directory, EDMD).
const EDIFACT_TRADE: &[&str] = &[
    "ORDERS", "ORDRSP", "ORDCHG", "DESADV", "RECADV", "INVOIC", "INVRPT", "PRICAT", "PARTIN", "SLSRPT", "CONTRL",
    "APERAK", "REMADV",
];

/// Whether every message of an X12 interchange is about trade.
pub(super) fn is_x12_trade(content: &dyn Content) -> Result<bool, ReadFault> {
    if content.size() > INTERCHANGE_BYTES_MAX {
        return Ok(false);
    }
    let bytes = whole(content)?;
    let text = String::from_utf8_lossy(&bytes);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    // ISA has a fixed length: its element separator is the fourth character, its segment terminator the last.
    let (Some(element), Some(segment)) = (start.chars().nth(3), start.chars().nth(105)) else { return Ok(false) };
    let lines = || start.split(segment).map(str::trim_start).filter(|line| !line.trim().is_empty());
    // A second interchange may have other separators, and what follows the end belongs to none.
    let ends = lines().next_back().is_some_and(|last| last.split(element).next() == Some("IEA"));
    if !ends || start.matches("ISA").count() > 1 {
        return Ok(false);
    }
    let mut sets = lines().filter_map(|line| {
        let mut elements = line.split(element);
        (elements.next() == Some("ST")).then(|| elements.next().unwrap_or_default().trim())
    });
    let first = sets.next().is_some_and(|set| X12_TRADE.contains(&set));
    Ok(first && sets.all(|set| X12_TRADE.contains(&set)))
}

/// Whether every message of an EDIFACT interchange is about trade.
pub(super) fn is_edifact_trade(content: &dyn Content) -> Result<bool, ReadFault> {
    if content.size() > INTERCHANGE_BYTES_MAX {
        return Ok(false);
    }
    let bytes = whole(content)?;
    let text = String::from_utf8_lossy(&bytes);
    // UNA, where it is there, names the separators (ISO 9735-1, 8.1).
    let named = text.trim_start().strip_prefix("UNA");
    let at = |place: usize, usual: char| named.and_then(|una| una.chars().nth(place)).unwrap_or(usual);
    let (component, element, segment) = (at(0, ':'), at(1, '+'), at(5, '\''));
    let lines = || text.split(segment).map(str::trim_start).filter(|line| !line.trim().is_empty());
    let ends = lines().next_back().is_some_and(|last| last.split(element).next() == Some("UNZ"));
    if !ends || text.matches("UNB").count() > 1 || text.matches("UNA").count() > 1 {
        return Ok(false);
    }
    let mut kinds = lines().filter_map(|line| {
        let mut elements = line.split(element);
        let is_header = elements.next() == Some("UNH");
        is_header.then(|| elements.nth(1).and_then(|kind| kind.split(component).next()).unwrap_or_default())
    });
    let first = kinds.next().is_some_and(|kind| EDIFACT_TRADE.contains(&kind));
    Ok(first && kinds.all(|kind| EDIFACT_TRADE.contains(&kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn x12(sets: &[&str]) -> String {
        let head = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*1200*U*00401*000000001*0*P*>~";
        let body: String = sets.iter().map(|set| format!("ST*{set}*0001~BIG*x~SE*2*0001~")).collect();
        format!("{head}GS*PO*A*B*20260101*1200*1*X*004010~{body}GE*1*1~IEA*1*000000001~")
    }

    #[test]
    fn trade_is_told_from_health_care() {
        let trade = |text: &str| is_x12_trade(&text.as_bytes()).unwrap();
        assert!(trade(&x12(&["850"])) && trade(&x12(&["856", "997"])));
        assert!(!trade(&format!("{}first name,dob", x12(&["850"]))));
        assert!(!trade(&x12(&["850"]).replace("BIG*x~", &x12(&["837"]).replace('*', "|").replace('~', "\n"))));
        assert!(!trade(&x12(&["837"])) && !trade(&x12(&["850", "837"])) && !trade(&x12(&[])) && !trade("ISA*"));
        let message =
            |kind: &str| format!("UNB+UNOA:2+A+B+260101:1200+1'UNH+1+{kind}:D:96A:UN'BGM+220'UNT+2+1'UNZ+1+1'");
        let trade = |text: &str| is_edifact_trade(&text.as_bytes()).unwrap();
        assert!(trade(&message("ORDERS")) && !trade(&message("MEDREQ")) && !trade("UNB+x'"));
        assert!(trade(&format!("UNA:+.? '{}", message("DESADV"))));
        assert!(!trade(&format!("{}{}", message("ORDERS"), message("ORDERS").replace('+', "*"))));
    }
}
