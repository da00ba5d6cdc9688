# Completion of smtps-bridge(8) for fish: /usr/share/fish/vendor_completions.d/smtps-bridge.fish

function __smtps_bridge_kinds
    # The list knows what this version has.
    echo list
    smtps-bridge --print-config list 2>/dev/null | string replace -rf '^  +([a-z0-9.-]+)  +(.*)' '$1\t$2'
end

complete -c smtps-bridge -f -a '(__fish_print_hostnames)'
complete -c smtps-bridge -l check -d 'Report on every host and exit'
complete -c smtps-bridge -l print-config -x -a '(__smtps_bridge_kinds)' -d 'Print lines for a superserver or a mail program'
complete -c smtps-bridge -l listen -x -d 'In those lines'
complete -c smtps-bridge -l starttls -d 'STARTTLS with every host'
complete -c smtps-bridge -l server-name -x -d 'Verify and send this name instead of HOST'
complete -c smtps-bridge -l ca-file -r -F -d 'Trust the CA certificates in this file only'
complete -c smtps-bridge -l system-roots -d 'Trust the CA certificates of the system'
complete -c smtps-bridge -l pin -x -d 'Its key must be one of these as well'
complete -c smtps-bridge -l pin-only -x -d 'Trust this key, whatever its certificate'
complete -c smtps-bridge -l cert -r -F -d 'Client certificate'
complete -c smtps-bridge -l key -r -F -d 'Its private key'
complete -c smtps-bridge -l min-tls -x -a '1.2 1.3' -d 'Oldest TLS version'
complete -c smtps-bridge -l no-pq -d 'Do not offer X25519MLKEM768'
complete -c smtps-bridge -s 4 -d 'IPv4 only'
complete -c smtps-bridge -s 6 -d 'IPv6 only'
complete -c smtps-bridge -l setup-timeout -x -d 'Seconds until the greeting'
complete -c smtps-bridge -l idle-timeout -x -d 'Seconds without a byte'
complete -c smtps-bridge -l allow-from -x -d 'Serve this client or network too'
complete -c smtps-bridge -l user -x -a '(__fish_complete_users)' -d 'Run as this user'
complete -c smtps-bridge -l log -x -a 'syslog stderr none' -d 'Where to log'
complete -c smtps-bridge -s v -d 'Log each step'
complete -c smtps-bridge -s q -d 'Warnings and failures only'
complete -c smtps-bridge -l crlf -d 'Send CRLF for LF'
complete -c smtps-bridge -l require-auth -d 'MAIL waits until the smarthost accepts a login'
complete -c smtps-bridge -l no-reply -d 'No 421 to the client'
complete -c smtps-bridge -s h -l help -d Help
complete -c smtps-bridge -s V -l version -d 'Version, roots and cryptography'
