//! One spelling for each path: clients differ in case, trailing slashes, encoding and in how they write a key.

/// Lower case, no slash at the end, keys as segments: `/V1.0/Devices(deviceId='X')/` is `/v1.0/devices/deviceid=x`.
pub(crate) fn normalise(path: &str) -> String {
    let decoded = decode(path);
    let mut normal = String::with_capacity(decoded.len());
    let mut chars = decoded.trim_end_matches('/').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '(' => normal.push('/'),
            ')' | '\'' => {}
            // `//` is a typing error that every client survives elsewhere.
            '/' if chars.peek() == Some(&'/') => {}
            c => normal.push(c.to_ascii_lowercase()),
        }
    }
    if normal.is_empty() { "/".to_owned() } else { normal }
}

/// Undoes the encoding of the few characters that some clients encode; anything else encoded names nothing here.
fn decode(path: &str) -> String {
    [
        ("%27", "'"),
        ("%28", "("),
        ("%29", ")"),
        ("%24", "$"),
        ("%3D", "="),
        ("%3d", "="),
        ("%7B", ""),
        ("%7D", ""),
    ]
    .into_iter()
    .fold(path.to_owned(), |path, (encoded, plain)| path.replace(encoded, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_becomes_one() {
        for path in [
            "/v1.0/directory/deviceLocalCredentials/ABC",
            "/V1.0/Directory/DeviceLocalCredentials('abc')",
            "/v1.0/directory/deviceLocalCredentials(%27abc%27)/",
            "/v1.0//directory/devicelocalcredentials/abc//",
        ] {
            assert_eq!(normalise(path), "/v1.0/directory/devicelocalcredentials/abc", "{path}");
        }
        assert_eq!(normalise("/beta/devices(deviceId='X')"), "/beta/devices/deviceid=x");
        assert_eq!(normalise("/v1.0/%24batch"), "/v1.0/$batch");
        assert_eq!(normalise("/"), "/");
        assert_eq!(normalise(""), "/");
    }
}
