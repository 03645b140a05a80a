//! Files to try. None holds a real person or real malware: EICAR is a test string that every scanner agrees to call harmful,
//! and it is put together here so that no file of the project holds it.

use std::path::Path;

use super::write_file;
use crate::error::Result;

/// The standard test string of the European Institute for Computer Antivirus Research, in pieces.
const EICAR: [&str; 4] = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTI", "VIRUS-TEST-FILE", "!$H+H*"];

const NOTE: &str = "Delivery note 4711: 12 infusion sets, 4 pump stands.\n";

/// An admission message with an invented patient.
const ADMISSION: &str = "MSH|^~\\&|LAZARETDEMO|ST EXAMPLE|LAB|LABCO|20261101093000||ADT^A01^ADT_A01|DEMO0001|T|2.5\r\
EVN|A01|20261101093000\r\
PID|1||DEMO-100200^^^ST EXAMPLE^MR||Muster^Maxima^Q||19700101|F|||12 Sample Street^^Exampletown^^9999^XX||555-0100\r\
PV1|1|I|WARD3^301^A|||||||MED||||||||V100200\r";

/// A firmware package, signed by a key that no demo gate has registered.
const FIRMWARE: &[u8] = include_bytes!("assets/pump-fw-4.2.1.zip");

pub(super) fn write(dir: &Path) -> Result<()> {
    write_file(&dir.join("pump-fw-4.2.1.zip"), FIRMWARE)?;
    write_file(&dir.join("eicar.txt"), (EICAR.concat() + "\n").as_bytes())?;
    write_file(&dir.join("note.txt"), NOTE.as_bytes())?;
    write_file(&dir.join("adt-a01.hl7"), ADMISSION.as_bytes())
}
