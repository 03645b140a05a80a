/* Notes that a ransomware gang leaves. */

rule ransom_note
{
    meta:
        about = "a note that demands payment for encrypted files"
    strings:
        $done1 = /(all )?(of )?your (important )?(files|data|documents|network|systems?)[^.\r\n]{0,80}(have been|has been|are|were|is)( now)? (encrypted|locked|stolen)/ nocase
        $done2 = "files were encrypted" nocase
        $pay1 = "bitcoin" nocase
        $pay2 = "monero" nocase
        $pay3 = "ransom" nocase
        $pay4 = /decrypt(ion|or)? (key|tool|software|program)/ nocase
        $where1 = ".onion" nocase
        $where2 = "tor browser" nocase
        $where3 = /(qtox|tox id|session id|protonmail|onionmail|tutanota)/ nocase
        $threat1 = /(leak|publish|sell)[^.\r\n]{0,60}(data|files|information)/ nocase
        $threat2 = /do not (try|attempt|rename|modify|use)[^.\r\n]{0,60}(recover|decrypt|files|third)/ nocase
    condition:
        any of ($done*) and any of ($pay*) and any of ($where*) and any of ($threat*)
}

rule shadow_copies_deleted
{
    meta:
        about = "commands that delete backups before encrypting"
    strings:
        $a = /vssadmin(\.exe)?[ \t]+delete[ \t]+shadows/ nocase
        $b = /wmic(\.exe)?[ \t]+shadowcopy[ \t]+delete/ nocase
        $c = /wbadmin(\.exe)?[ \t]+delete[ \t]+(catalog|systemstatebackup|backup)/ nocase
        $d = /bcdedit(\.exe)?[ \t][^\r\n]{0,80}recoveryenabled[ \t]+no/ nocase
        $e = "Win32_ShadowCopy" nocase
        $delete = ".Delete()" nocase
    condition:
        2 of ($a, $b, $c, $d) or ($e and $delete)
}
