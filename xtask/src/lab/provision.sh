# Makes a domain on a fresh controller, whose name and address its host knows already.
# Arguments: domain, name of the controller, its address, the functional level that its Samba has.
domain=$1 name=$2 address=$3 level=$4
realm=$(echo "$domain" | tr a-z A-Z)
rm -f /etc/samba/smb.conf
# Samba before 4.19 knows neither the level nor the option.
if [ "$level" = 2016 ]; then set -- --option="ad dc functional level = 2016"; else set -- --base-schema=2012_R2; fi
# The password that it draws is kept, for whoever is to be the administrator.
samba-tool domain provision --server-role=dc --dns-backend=SAMBA_INTERNAL \
    --realm="$realm" --domain="${realm%%.*}" --host-name="$name" --host-ip="$address" \
    --function-level="$level" "$@" \
    --option="interfaces = lo eth0" --option="bind interfaces only = yes" \
    --option="dns forwarder =" --option="dsdb:schema update allowed = yes" \
    --option="tls keyfile = tls/key.pem" --option="tls certfile = tls/cert.pem" --option="tls cafile = tls/ca.pem" \
    >/root/provision.log 2>&1 || { tail -5 /root/provision.log >&2; exit 1; }
umask 077
sed -n 's/.*Admin password: *//p' /root/provision.log | tr -d '\n' >/root/administrator.password
: >/root/provision.log
test -s /root/administrator.password
umask 022

# A kept domain must stay usable, and tests choose short passwords.
samba-tool domain passwordsettings set --complexity=off --min-pwd-length=4 --min-pwd-age=0 --max-pwd-age=0 \
    --history-length=0 >/dev/null
if [ "$level" != 2016 ]; then
    # It works at this level all the same, if only it says so: 7 is Windows Server 2016.
    base="DC=$(echo "$domain" | sed 's/\./,DC=/g')"
    for entry in "CN=NTDS Settings,CN=$(echo "$name" | tr a-z A-Z),CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,$base" \
        "$base" "CN=Partitions,CN=Configuration,$base"; do
        printf 'dn: %s\nchangetype: modify\nreplace: msDS-Behavior-Version\nmsDS-Behavior-Version: 7\n' "$entry" |
            ldbmodify -H /var/lib/samba/private/sam.ldb >/dev/null
    done
fi
cp /var/lib/samba/private/krb5.conf /etc/krb5.conf
