/* A program where the reader of a document would not look. */

rule program_in_dicom_preamble : whole
{
    meta:
        about = "a DICOM file whose preamble starts a program (CVE-2019-11687)"
    condition:
        uint32be(128) == 0x4449434D and
        (uint16be(0) == 0x4D5A or uint32be(0) == 0x7F454C46 or uint16be(0) == 0x2321 or
         uint32be(0) == 0xFEEDFACE or uint32be(0) == 0xFEEDFACF or uint32be(0) == 0xCFFAEDFE or uint32be(0) == 0xCAFEBABE)
}

rule program_in_rtf
{
    meta:
        about = "a rich-text document that carries a Windows program in an object"
    strings:
        $rtf = "{\\rtf" nocase
        $object = "\\objdata" nocase
        // "MZ" and "This program" in hexadecimal. One pattern with the distance between them costs each worker a
        // millisecond before it looks at anything.
        $magic = "4d5a" nocase
        $stub = "546869732070726f6772616d" nocase
    condition:
        $rtf and $object and $magic and $stub
}

rule pdf_launches_program
{
    meta:
        about = "a PDF that starts a program when it is opened"
    strings:
        $pdf = "%PDF-"
        $launch = /\/Launch\b/
        $when = /\/(OpenAction|AA)\b/
        $what = /(cmd\.exe|powershell|\/bin\/sh|mshta|wscript|cscript)/ nocase
    condition:
        $pdf and $launch and $when and $what
}
