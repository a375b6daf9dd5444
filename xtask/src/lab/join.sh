# Makes a fresh host a further controller of a domain that it finds by DNS.
# Arguments: domain, name of the first controller, DC or RODC (which only reads). Standard input: the administrator's password.
domain=$1 first=$2 role=$3
realm=$(echo "$domain" | tr a-z A-Z)
rm -f /etc/samba/smb.conf
umask 077
{
    printf 'username = administrator\ndomain = %s\npassword = ' "${realm%%.*}"
    cat
    echo
} >/root/administrator.credentials
umask 022
samba-tool domain join "$domain" "$role" --server="$first.$domain" --authentication-file=/root/administrator.credentials \
    --dns-backend=SAMBA_INTERNAL --option="ad dc functional level = 2016" \
    --option="interfaces = lo eth0" --option="bind interfaces only = yes" \
    --option="dns forwarder =" --option="dsdb:schema update allowed = yes" \
    --option="tls keyfile = tls/key.pem" --option="tls certfile = tls/cert.pem" --option="tls cafile = tls/ca.pem" \
    >/root/join.log 2>&1 || { tail -5 /root/join.log >&2; exit 1; }
rm -f /root/administrator.credentials
cp /var/lib/samba/private/krb5.conf /etc/krb5.conf
