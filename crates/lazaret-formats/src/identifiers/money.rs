//! Payment cards and bank accounts.

use super::{Compact, Kind, digits, luhn};

/// Payment card: 13 to 19 digits in a range that an issuer has, with Luhn's check (ISO/IEC 7812-1).
pub fn card(candidate: &str) -> Option<Kind> {
    let digits = digits(candidate, 13..=19)?;
    let head = digits.get(..6)?.iter().fold(0, |value, digit| value * 10 + digit);
    let fits = match head {
        400_000..=499_999 => matches!(digits.len(), 13 | 16 | 19),
        510_000..=559_999 | 222_100..=272_099 => digits.len() == 16,
        340_000..=349_999 | 370_000..=379_999 => digits.len() == 15,
        300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => {
            (14..=19).contains(&digits.len())
        }
        352_800..=358_999 | 601_100..=601_199 | 644_000..=659_999 | 620_000..=629_999 => digits.len() >= 16,
        501_800..=501_899 | 502_000..=502_099 | 503_800..=503_899 | 589_300..=589_399 => true,
        630_400..=630_499 | 675_900..=675_999 | 676_100..=676_399 => true,
        _ => false,
    };
    (fits && luhn(digits.iter())).then_some(Kind::Card)
}

/// Lengths of IBANs by country (SWIFT IBAN registry).
const LENGTHS: &[(usize, &[&str])] = &[
    (15, &["NO"]),
    (16, &["BE"]),
    (18, &["DK", "FI", "FO", "GL", "NL", "SD", "FK"]),
    (19, &["MK", "SI"]),
    (20, &["AT", "BA", "EE", "KZ", "LT", "LU", "XK", "MN"]),
    (21, &["CH", "HR", "LI", "LV"]),
    (22, &["BG", "BH", "CR", "DE", "GB", "GE", "IE", "ME", "RS", "VA"]),
    (23, &["AE", "GI", "IL", "IQ", "OM", "SO", "TL"]),
    (24, &["AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"]),
    (25, &["LY", "PT", "ST"]),
    (26, &["IS", "TR"]),
    (27, &["BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"]),
    (28, &["AL", "AZ", "BY", "CY", "DO", "GT", "HN", "HU", "LB", "NI", "PL", "SV"]),
    (29, &["BR", "EG", "PS", "QA", "UA"]),
    (30, &["JO", "KW", "MU", "YE"]),
    (31, &["MT", "SC"]),
    (32, &["LC"]),
    (33, &["RU"]),
];

/// Bank account: a country's length and a remainder of 1 (ISO 13616, ISO 7064 mod 97-10).
pub fn iban(candidate: &str) -> Option<Kind> {
    let number = Compact::read(candidate)?;
    let text = number.as_str();
    let country = text.get(..2)?;
    let length = LENGTHS.iter().find(|(_, countries)| countries.contains(&country)).map(|(length, _)| *length);
    if length != Some(text.len()) || !text.get(2..4)?.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rearranged = text.chars().skip(4).chain(text.chars().take(4));
    let remainder = rearranged.filter_map(|c| c.to_digit(36)).fold(0_u32, |remainder, value| {
        // A letter stands for two digits.
        let shift = if value > 9 { 100 } else { 10 };
        (remainder * shift + value) % 97
    });
    (remainder == 1).then_some(Kind::Iban)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Sure;

    #[test]
    fn cards_have_an_issuer_and_a_check() {
        for yes in [
            "4111 1111 1111 1111",
            "4111111111111111",
            "5555-5555-5555-4444",
            "2223003122003222",
            "378282246310005",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "36700102000000",
            "6200000000000005",
            "4222222222222",
            "6759649826438453",
        ] {
            assert_eq!(card(yes), Some(Kind::Card), "{yes}");
        }
        for no in ["4111111111111112", "9111111111111111", "41111111111111", "411111111111", "7992739871300004"] {
            assert_eq!(card(no), None, "{no}");
        }
        assert_eq!(Kind::Card.sure_alone("4111 1111 1111 1111"), Sure::Probable);
        assert_eq!(Kind::Card.sure_alone("4111111111111111"), Sure::Possible);
    }

    #[test]
    fn accounts_have_the_length_of_their_country_and_a_remainder_of_1() {
        for yes in [
            "GB82 WEST 1234 5698 7654 32",
            "DE89370400440532013000",
            "FR1420041010050500013M02606",
            "NL91ABNA0417164300",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "es9121000418450200051332",
        ] {
            assert_eq!(iban(yes), Some(Kind::Iban), "{yes}");
        }
        for no in [
            "GB82 WEST 1234 5698 7654 33",
            "GB82WEST123456987654321",
            "XX82WEST12345698765432",
            "GBAAWEST12345698765432",
            "DE8937040044053201300",
            "GB",
        ] {
            assert_eq!(iban(no), None, "{no}");
        }
        assert_eq!(Kind::Iban.sure_alone("GB82WEST12345698765432"), Sure::Certain);
    }
}
