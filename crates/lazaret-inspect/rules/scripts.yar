/* Scripts and documents that fetch and run something else. */

rule macro_autorun_shell
{
    meta:
        about = "a macro that runs by itself and starts a program or fetches one"
    strings:
        $auto1 = "AutoOpen" nocase fullword
        $auto2 = "Auto_Open" nocase fullword
        $auto3 = "Document_Open" nocase fullword
        $auto4 = "Workbook_Open" nocase fullword
        $auto5 = "AutoExec" nocase fullword
        $auto6 = "Document_Close" nocase fullword
        $act1 = "WScript.Shell" nocase
        $act2 = "Shell.Application" nocase
        $act3 = "MSXML2.XMLHTTP" nocase
        $act4 = "URLDownloadToFile" nocase
        $act5 = "powershell" nocase
        $act6 = "cmd.exe /c" nocase
        $act7 = "ADODB.Stream" nocase
        $act8 = "winmgmts:" nocase
        $macro1 = "Attribute VB_Name" nocase
        $macro2 = "CreateObject" nocase
        $macro3 = "Sub " nocase
    condition:
        any of ($auto*) and any of ($act*) and any of ($macro*)
}

rule powershell_download_and_run
{
    meta:
        about = "PowerShell that downloads and runs in one breath"
    strings:
        $get1 = "DownloadString(" nocase
        $get2 = "DownloadFile(" nocase
        $get3 = "DownloadData(" nocase
        $get4 = "Start-BitsTransfer" nocase
        $run1 = "Invoke-Expression" nocase
        $run2 = /\biex[ (]/ nocase
        $run3 = "Start-Process" nocase
        $run4 = "[Reflection.Assembly]::Load" nocase
        $quiet1 = "-WindowStyle Hidden" nocase
        $quiet2 = "-ExecutionPolicy Bypass" nocase
        $quiet3 = "-w hidden" nocase
        $quiet4 = "-ep bypass" nocase
        $quiet5 = "-nop " nocase
        $client = "Net.WebClient" nocase
    condition:
        any of ($get*) and any of ($run*) and ($client or any of ($quiet*))
}

rule powershell_encoded_command
{
    meta:
        about = "a hidden PowerShell with its command in base64"
    strings:
        $encoded = /powershell(\.exe)?[ \t"'][^\r\n]{0,200}-e(nc|ncodedcommand|c)?[ \t]+["']?[A-Za-z0-9+\/=]{64}/ nocase
        $hidden1 = "hidden" nocase
        $hidden2 = "-nop" nocase
        $hidden3 = "bypass" nocase
    condition:
        $encoded and any of ($hidden*)
}

rule script_host_dropper
{
    meta:
        about = "a script that writes a binary it fetched and starts it"
    strings:
        $http1 = "MSXML2.XMLHTTP" nocase
        $http2 = "WinHttp.WinHttpRequest" nocase
        $http3 = "Microsoft.XMLHTTP" nocase
        $save1 = "ADODB.Stream" nocase
        $save2 = "SaveToFile" nocase
        $run1 = "WScript.Shell" nocase
        $run2 = "Shell.Application" nocase
    condition:
        any of ($http*) and any of ($save*) and any of ($run*)
}

rule windows_tool_download_and_run
{
    meta:
        about = "a Windows tool misused to fetch and run"
    strings:
        $a = /certutil(\.exe)?[ \t][^\r\n]{0,80}-urlcache[^\r\n]{0,160}https?:\/\// nocase
        $b = /mshta(\.exe)?[ \t"']{1,4}https?:\/\// nocase
        $c = /regsvr32(\.exe)?[ \t][^\r\n]{0,80}\/i:https?:\/\// nocase
        $d = /bitsadmin(\.exe)?[ \t][^\r\n]{0,80}\/transfer[^\r\n]{0,160}https?:\/\// nocase
        $e = /rundll32(\.exe)?[ \t]+javascript:/ nocase
    condition:
        any of them
}

rule installer_hook_fetch_and_run
{
    meta:
        about = "a package's install hook that pipes a download into a shell"
    strings:
        $pipe = /(curl|wget)[ \t][^\r\n|;&]{0,300}https?:\/\/[^\r\n|;&]{1,300}\|[ \t]*(sudo[ \t]+)?(ba|da|z|k)?sh\b/ nocase
        $hook1 = "\"preinstall\""
        $hook2 = "\"postinstall\""
        $hook3 = "\"install\""
        $hook4 = "cmdclass"
        $hook5 = "%post"
        $hook6 = "%pre"
        $hook7 = "dpkg-maintscript-helper"
        $hook8 = "#DEBHELPER#"
    condition:
        $pipe and any of ($hook*)
}

rule shell_dropper
{
    meta:
        about = "a shell script that fetches a binary, makes it executable, runs it and covers its tracks"
    strings:
        $fetch = /(wget|curl|tftp|ftpget|busybox wget)[ \t][^\r\n]{0,200}(https?:\/\/|-[lg] )/ nocase
        $chmod = /chmod[ \t]+(\+x|0?7[0-7][0-7])[ \t]/
        $place = /(cd|>)[ \t]*\/(tmp|var\/run|dev\/shm|var\/tmp)\b/
        $trace1 = "history -c"
        $trace2 = /rm[ \t]+-rf?[ \t]+[^\r\n]{0,40}(\$0|\.sh\b|\/var\/log)/
        $trace3 = "unset HISTFILE"
        $trace4 = "/dev/null 2>&1 &"
        $arch = /\b(mips|mipsel|armv?[5-7]l?|sh4|ppc|m68k)\b/
    condition:
        $fetch and $chmod and $place and (any of ($trace*) or #arch > 3)
}

rule reverse_shell
{
    meta:
        about = "a one-line shell that calls out"
    strings:
        $a = /(ba|z|k|da)?sh[ \t]+-i[ \t]+(>&|>|[0-9]?<>?)[ \t]*\/dev\/tcp\//
        $b = /\/dev\/tcp\/[0-9a-zA-Z.\-]{4,60}\/[0-9]{2,5}[ \t]+0>&1/
        $c = /\bn(c|cat)[ \t][^\r\n]{0,80}-e[ \t]+\/bin\/(ba)?sh\b/
        $d = /mkfifo[ \t]+\/tmp\/[^\r\n]{1,80}\|[ \t]*\/bin\/(ba)?sh[^\r\n]{1,80}\|[ \t]*nc[ \t]/
        $e = /socket\.socket\([^\r\n]{0,120}\.connect\(\([^\r\n]{0,400}os\.dup2\(/
    condition:
        any of them
}
