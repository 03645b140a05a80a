/* Web shells: pages that run what a visitor sends. */

rule php_web_shell
{
    meta:
        about = "a PHP page that evaluates or executes its request"
    strings:
        $php = "<?php" nocase
        $short = "<?="
        $run1 = /\b(eval|assert|system|passthru|shell_exec|popen|proc_open|pcntl_exec|exec)[ \t]*\([ \t]*(@|\$\{)?[ \t]*\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase
        $run2 = /\b(eval|assert)[ \t]*\([ \t]*(gzinflate|gzuncompress|str_rot13|base64_decode)[ \t]*\(/ nocase
        $run3 = /preg_replace[ \t]*\([ \t]*["']\/[^\r\n]{0,60}\/e["'][ \t]*,[ \t]*[^\r\n]{0,40}\$_(GET|POST|REQUEST)/ nocase
        $run4 = /\$_(GET|POST|REQUEST)[ \t]*\[[^\]\r\n]{1,40}\][ \t]*\([ \t]*\$_(GET|POST|REQUEST)/ nocase
    condition:
        ($php or $short) and any of ($run*)
}

rule jsp_web_shell
{
    meta:
        about = "a JSP page that executes its request"
    strings:
        $jsp = "<%"
        $run = /Runtime[ \t]*\.[ \t]*getRuntime[ \t]*\([ \t]*\)[ \t]*\.[ \t]*exec[ \t]*\([^\r\n]{0,80}request[ \t]*\.[ \t]*getParameter/ nocase
        $build = /new[ \t]+ProcessBuilder[ \t]*\([^\r\n]{0,80}request[ \t]*\.[ \t]*getParameter/ nocase
    condition:
        $jsp and ($run or $build)
}

rule asp_web_shell
{
    meta:
        about = "an ASP page that evaluates or executes its request"
    strings:
        $a = /<%[^%]{0,120}\b(eval|execute|executeglobal)[ \t]*\(?[ \t]*request[ \t]*[\(\.\[]/ nocase
        $b = /Process\.Start[ \t]*\([^\r\n]{0,120}Request[ \t]*[\[\(\.]/ nocase
        $page = "<%" 
    condition:
        $a or ($b and $page)
}
