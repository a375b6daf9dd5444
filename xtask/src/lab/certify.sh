# Gives a controller a certificate: Samba's own names no host. The authority is made where there is none yet.
# Arguments: domain, name of the controller, its address.
domain=$1 name=$2 address=$3
mkdir -p /var/lib/samba/private/tls
cd /var/lib/samba/private/tls
[ -e ca.key ] || openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout ca.key -out ca.pem -subj "/CN=$domain" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj "/CN=$name.$domain" 2>/dev/null
printf 'subjectAltName=DNS:%s,DNS:%s,IP:%s\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n' \
    "$name.$domain" "$domain" "$address" >extensions
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -sha256 -extfile extensions \
    -out cert.pem 2>/dev/null
chmod 600 ca.key key.pem
