# Makes a domain on a fresh controller, whose name and address its host knows already.
# Arguments: domain, base, name of the controller, its address.
domain=$1 base=$2 name=$3 address=$4
realm=$(echo "$domain" | tr a-z A-Z)
rm -f /etc/samba/smb.conf
# The password that it draws is kept, for whoever is to be the administrator.
samba-tool domain provision --server-role=dc --dns-backend=SAMBA_INTERNAL \
    --realm="$realm" --domain="${realm%%.*}" --host-name="$name" --host-ip="$address" \
    --function-level=2016 --option="ad dc functional level = 2016" \
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

# Samba's own certificate names no host.
cd /var/lib/samba/private
mkdir -p tls
cd tls
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout ca.key -out ca.pem -subj "/CN=$domain" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj "/CN=$name.$domain" 2>/dev/null
printf 'subjectAltName=DNS:%s,DNS:%s,IP:%s\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n' \
    "$name.$domain" "$domain" "$address" >extensions
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -sha256 -extfile extensions \
    -out cert.pem 2>/dev/null
chmod 600 ca.key key.pem
cp /var/lib/samba/private/krb5.conf /etc/krb5.conf
