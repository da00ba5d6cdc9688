# Completion of smtps-bridge(8) for bash: /usr/share/bash-completion/completions/smtps-bridge

_smtps_bridge() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local options='--check --print-config --listen --starttls --server-name --ca-file --system-roots --pin --pin-only --cert
        --key --min-tls --no-pq -4 -6 --setup-timeout --idle-timeout --allow-from --user --log -v -q --crlf --require-auth --no-reply
        -h --help -V --version'
    COMPREPLY=()
    case $before in
        --ca-file | --cert | --key) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        --print-config)
            # The list knows what this version has. What is indented by more is a part of the line before.
            local kinds
            kinds=$(smtps-bridge --print-config list 2> /dev/null | sed -n 's/^  *\([a-z0-9.-]*\)  .*/\1/p')
            mapfile -t COMPREPLY < <(compgen -W "list $kinds" -- "$word")
            ;;
        --min-tls) mapfile -t COMPREPLY < <(compgen -W '1.2 1.3' -- "$word") ;;
        --log) mapfile -t COMPREPLY < <(compgen -W 'syslog stderr none' -- "$word") ;;
        --user) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
        --listen | --server-name | --pin | --pin-only | --setup-timeout | --idle-timeout | --allow-from) ;;
        *)
            case $word in
                -*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word") ;;
                *) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word") ;;
            esac
            ;;
    esac
}

complete -F _smtps_bridge smtps-bridge
