//! What an administrator's calls look like on the wire, and what a directory cannot talk them into.

use lapwing_client::{
    CallError,
    graph::{Administrator, Profile},
    transport::Limits,
};
use lapwing_core::types::Guid;
use lapwing_proto::secret_text::SecretText;

use crate::peer::{Certified, Received, Tls, answer, read_request};

const TENANT: &str = "f3531ec6-6330-4f8e-8d39-7a671fbac605";

/// Lets `ask` ask a peer that gives a token and then these answers; also returns the requests.
async fn asked<T>(
    answers: &'static [&'static str],
    ask: impl AsyncFnOnce(&mut Administrator) -> T,
) -> (T, Vec<Received>) {
    let certified = Certified::new();
    let (url, peer) = certified
        .serve(async move |mut stream: Tls| {
            let mut received = vec![read_request(&mut stream).await.unwrap()];
            answer(
                &mut stream,
                "200 OK",
                "",
                r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a.b.c"}"#,
            )
            .await;
            for body in answers {
                let request = read_request(&mut stream).await.unwrap();
                let host = request.head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
                answer(&mut stream, "200 OK", "", &body.replace("HOST", host)).await;
                received.push(request);
            }
            assert!(read_request(&mut stream).await.is_none(), "one request more");
            received
        })
        .await;
    let profile = Profile {
        server: url,
        tenant: TENANT.parse().unwrap(),
        trust: certified.trust(),
        client_id: "id".to_owned(),
        client_secret: SecretText::new("s&cr=t".to_owned()),
        proxy: None,
    };
    let mut administrator = Administrator::open(&profile, Limits::default()).await.unwrap();
    let result = ask(&mut administrator).await;
    drop(administrator);
    (result, peer.await.unwrap().unwrap())
}

fn line(request: &Received) -> &str {
    request.head.lines().next().unwrap()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_with_the_token_of_the_client() {
    let pages = &[
        r#"{"value":[{"id":"1","deviceId":"1","displayName":"a'b","accountEnabled":true}],"@odata.nextLink":"https://HOST/v1.0/devices?$skiptoken=x"}"#,
        r#"{"value":[{"id":"2","deviceId":"2","displayName":"a'b","accountEnabled":true}]}"#,
    ];
    let (devices, requests) =
        asked(pages, async |administrator| administrator.devices_named("a'b").await.unwrap()).await;
    assert_eq!(devices.iter().map(|device| device.device_id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    let [token, first, second] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(line(token), format!("POST /{TENANT}/oauth2/v2.0/token HTTP/1.1"));
    let form = String::from_utf8(token.body.clone()).unwrap();
    assert!(form.starts_with("grant_type=client_credentials&client_id=id&client_secret=s%26cr%3Dt&scope=https%3A%2F%2F127.0.0.1%3A"), "{form}");
    assert!(form.ends_with("%2F.default"), "{form}");
    assert_eq!(line(first), "GET /v1.0/devices?$filter=displayName%20eq%20%27a%27%27b%27 HTTP/1.1");
    assert_eq!(line(second), "GET /v1.0/devices?$skiptoken=x HTTP/1.1");
    assert!(second.head.contains("authorization: Bearer a.b.c\r\n"));
}

#[tokio::test]
async fn a_list_that_goes_on_elsewhere_is_not_followed() {
    for pages in [
        &[r#"{"value":[],"@odata.nextLink":"https://127.0.0.2/v1.0/devices"}"#],
        &[r#"{"value":[],"@odata.nextLink":"http://HOST/v1.0/devices"}"#],
    ] {
        let (result, _) = asked(pages, async |administrator| administrator.devices_named("a").await).await;
        assert!(matches!(result, Err(CallError::Malformed { .. } | CallError::Address(_))), "{result:?}");
    }
}

#[tokio::test]
async fn passwords_are_asked_for_as_the_cmdlet_asks() {
    let body = &[
        r#"{"id":"d","deviceName":"PC","lastBackupDateTime":"t","refreshDateTime":"u","credentials":[{"accountName":"a","accountSid":"","backupDateTime":"t","passwordBase64":"aHVudGVyMg=="}]}"#,
    ];
    let device = TENANT.parse().unwrap();
    let (info, requests) = asked(body, async |administrator| {
        administrator.credentials(device, true, Guid::from_bytes([9; 16])).await.unwrap()
    })
    .await;
    assert!(!format!("{info:?}").contains("aHVudGVyMg"));
    assert_eq!(info.credentials.unwrap()[0].password().unwrap().expose_secret(), "hunter2");
    let request = &requests[1];
    assert_eq!(
        line(request),
        format!("GET /v1.0/directory/deviceLocalCredentials/{TENANT}?$select=credentials HTTP/1.1")
    );
    for header in
        ["ocp-client-name: Get-LapsAADPassword", "client-request-id: 09090909-0909-0909-0909-090909090909"]
    {
        assert!(request.head.contains(header), "{header}");
    }
}
