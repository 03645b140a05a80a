//! Objects that the tests make: archives with every byte under control, and what is put into them.

use std::io::Write as _;
use std::sync::OnceLock;

use base64::Engine as _;
use lazaret_inspect::inspect::inspect;
use lazaret_inspect::malware::Rules;
use lazaret_inspect::protocol::Job;
use lazaret_inspect::report::Report;

/// Inspects in this process: the same engine without the cell.
pub(crate) fn look(name: &str, bytes: &[u8]) -> Report {
    look_job(&Job::new(name, bytes.len() as u64), bytes)
}

pub(crate) fn look_job(job: &Job, bytes: &[u8]) -> Report {
    static RULES: OnceLock<Rules> = OnceLock::new();
    inspect(&bytes, job, RULES.get_or_init(|| Rules::compile(&[]).unwrap()))
}

/// Whether a rule was found.
pub(crate) fn found(report: &Report, rule: &str) -> bool {
    report.findings.iter().any(|finding| finding.rule == rule)
}

/// The antivirus test file, assembled here and standing in no file of ours.
pub(crate) fn eicar() -> Vec<u8> {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-", "STANDARD-ANTIVIRUS-", "TEST-FILE!", "$H+H*"].concat().into_bytes()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A ZIP by another writer than our reader's author.
pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A ZIP whose every field can lie.
#[derive(Default)]
pub(crate) struct Raw {
    pub(crate) bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

/// One member of it: what both headers say, unless a test changes one.
#[derive(Clone)]
pub(crate) struct Stored<'a> {
    pub(crate) local_name: &'a [u8],
    pub(crate) name: &'a [u8],
    pub(crate) data: &'a [u8],
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) size: u32,
    pub(crate) crc: u32,
    pub(crate) mode: u32,
    pub(crate) local_extra: &'a [u8],
    pub(crate) extra: &'a [u8],
    pub(crate) comment: &'a [u8],
}

impl<'a> Stored<'a> {
    pub(crate) fn new(name: &'a str, data: &'a [u8]) -> Stored<'a> {
        Stored {
            local_name: name.as_bytes(),
            name: name.as_bytes(),
            data,
            method: 0,
            flags: 0,
            size: data.len() as u32,
            crc: crc32(data),
            mode: 0o100_644,
            local_extra: b"",
            extra: b"",
            comment: b"",
        }
    }
}

impl Raw {
    pub(crate) fn local(&mut self, member: &Stored<'_>) -> u32 {
        let at = self.bytes.len() as u32;
        self.bytes.extend(b"PK\x03\x04\x14\x00");
        self.bytes.extend(member.flags.to_le_bytes());
        self.bytes.extend(member.method.to_le_bytes());
        self.bytes.extend([0; 4]);
        self.bytes.extend(member.crc.to_le_bytes());
        self.bytes.extend((member.data.len() as u32).to_le_bytes());
        self.bytes.extend(member.size.to_le_bytes());
        self.bytes.extend((member.local_name.len() as u16).to_le_bytes());
        self.bytes.extend((member.local_extra.len() as u16).to_le_bytes());
        self.bytes.extend(member.local_name);
        self.bytes.extend(member.local_extra);
        self.bytes.extend(member.data);
        at
    }

    pub(crate) fn central(&mut self, member: &Stored<'_>, at: u32) {
        self.directory.extend(b"PK\x01\x02\x14\x03\x14\x00");
        self.directory.extend(member.flags.to_le_bytes());
        self.directory.extend(member.method.to_le_bytes());
        self.directory.extend([0; 4]);
        self.directory.extend(member.crc.to_le_bytes());
        self.directory.extend((member.data.len() as u32).to_le_bytes());
        self.directory.extend(member.size.to_le_bytes());
        self.directory.extend((member.name.len() as u16).to_le_bytes());
        self.directory.extend((member.extra.len() as u16).to_le_bytes());
        self.directory.extend((member.comment.len() as u16).to_le_bytes());
        self.directory.extend([0; 4]);
        self.directory.extend((member.mode << 16).to_le_bytes());
        self.directory.extend(at.to_le_bytes());
        self.directory.extend(member.name);
        self.directory.extend(member.extra);
        self.directory.extend(member.comment);
        self.count += 1;
    }

    pub(crate) fn add(&mut self, member: &Stored<'_>) -> &mut Raw {
        let at = self.local(member);
        self.central(member, at);
        self
    }

    /// What the directory ends in (APPNOTE 4.3.13).
    pub(crate) fn signature(&mut self, data: &[u8]) {
        self.directory.extend(b"PK\x05\x05");
        self.directory.extend((data.len() as u16).to_le_bytes());
        self.directory.extend(data);
    }

    pub(crate) fn finish(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let at = bytes.len() as u32;
        bytes.extend(&self.directory);
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.extend((self.directory.len() as u32).to_le_bytes());
        bytes.extend(at.to_le_bytes());
        bytes.extend([0; 2]);
        bytes
    }
}

/// One header of a tar.
pub(crate) fn tar_header(name: &str, flag: u8, size: u64, target: &str) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[156] = flag;
    header[157..157 + target.len()].copy_from_slice(target.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    tar_sealed(header)
}

/// The header with a checksum that is right.
pub(crate) fn tar_sealed(mut header: Vec<u8>) -> Vec<u8> {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// A member with its padding.
pub(crate) fn tar_member(name: &str, flag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut member = tar_header(name, flag, bytes.len() as u64, "");
    member.extend(bytes);
    member.resize(member.len().div_ceil(512) * 512, 0);
    member
}

pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes: Vec<u8> = members.iter().flat_map(|(name, bytes)| tar_member(name, b'0', bytes)).collect();
    bytes.extend([0; 1024]);
    bytes
}

/// A small program: an ELF header that is sound, and some bytes.
pub(crate) fn elf() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(64, 0);
    bytes[16] = 2;
    bytes[18] = 62;
    bytes.extend([0x90; 200]);
    bytes
}

/// A PNG of one pixel, chunk by chunk.
pub(crate) fn png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(name);
        bytes.extend(data);
        bytes.extend(crc32(&[name.as_slice(), data].concat()).to_be_bytes());
    };
    chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    chunk(b"IDAT", b"\x78\x9c\x63\x00\x00\x00\x02\x00\x01");
    chunk(b"IEND", b"");
    bytes
}

/// A PDF with the parts that readers look for.
pub(crate) fn pdf() -> Vec<u8> {
    b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\nxref\n0 1\n0000000000 65535 f \ntrailer<</Root 1 0 R>>\nstartxref\n42\n%%EOF\n"
        .to_vec()
}

/// A DICOM file's beginning with this in its preamble.
pub(crate) fn dicom(preamble: &[u8]) -> Vec<u8> {
    let mut bytes = preamble.to_vec();
    bytes.resize(128, 0);
    bytes.extend(b"DICM");
    let element = b"\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\0";
    bytes.extend(b"\x02\x00\x00\x00UL\x04\x00");
    bytes.extend((element.len() as u32).to_le_bytes());
    bytes.extend(element);
    bytes.extend(b"\x10\x00\x10\x00PN\x04\x00Doe ");
    bytes
}
