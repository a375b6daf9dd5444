use proptest::prelude::*;

use super::*;

fn text_of(body: &str) -> Result<String, XmlError> {
    parse(format!("<a>{body}</a>").as_bytes()).map(|element| element.text)
}

#[test]
fn prefixes_and_case_do_not_matter() {
    let root =
        parse(br#"<?xml version="1.0"?><!-- x --><n:A xmlns:n="urn:x"><n:b n:C=" 1 "> t </n:b><d/></n:A>"#);
    let root = root.unwrap();
    assert!(root.is("a") && root.is("A"));
    assert_eq!(root.text_of("B"), Some("t"));
    assert_eq!(root.at(&["b"]).unwrap().attribute("c"), Some(" 1 "));
    assert_eq!(root.text_of("d"), Some(""));
    assert!(root.child("e").is_none());
}

#[test]
fn text_is_the_same_however_it_is_written() {
    for body in ["a&amp;b&lt;\n", "a&#38;b&#x3C;\r\n", "a<![CDATA[&b<\n]]>", "a&amp;<!-- x -->b&lt;&#10;"] {
        assert_eq!(text_of(body).unwrap(), "a&b<\n", "{body}");
    }
}

#[test]
fn nothing_of_a_document_is_followed() {
    for document in [
        r#"<!DOCTYPE a><a/>"#,
        r#"<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>"#,
        r#"<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>"#,
        r#"<a>&b;</a>"#,
        r#"<a c="&b;"/>"#,
        r#"<?xml-stylesheet href="x"?><a/>"#,
        r#"<a><?xml version="1.0"?></a>"#,
    ] {
        assert!(matches!(parse(document.as_bytes()), Err(XmlError::Forbidden { .. })), "{document}");
    }
}

#[test]
fn what_is_not_xml_is_malformed() {
    for document in [
        "",
        " ",
        "a",
        "<a>",
        "</a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>b",
        "<a b=\"1\" b=\"2\"/>",
        "<a b/>",
        "<a>&#0;</a>",
        "<a>&#1;</a>",
        "<a>&#xd800;</a>",
        "<a>\u{1}</a>",
        "<a b=\"&#1;\"/>",
        "<a>&</a>",
        "<a><![CDATA[</a>",
    ] {
        assert!(matches!(parse(document.as_bytes()), Err(XmlError::Malformed { .. })), "{document:?}");
    }
    assert_eq!(parse(b"<a>\xff</a>").unwrap_err(), XmlError::Malformed { at: 3 });
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(parse("\u{feff}<a>b</a>".as_bytes()).unwrap().text, "b");
}

#[test]
fn length_depth_elements_attributes_and_names_are_bounded() {
    let of_len = |len: usize| format!("<a>{}</a>", "x".repeat(len - 7));
    assert!(parse(of_len(MESSAGE_LEN_MAX).as_bytes()).is_ok());
    assert_eq!(
        parse(of_len(MESSAGE_LEN_MAX + 1).as_bytes()).unwrap_err(),
        XmlError::TooLong(MESSAGE_LEN_MAX + 1)
    );
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(parse(nested(DEPTH_MAX + 1).as_bytes()).unwrap_err(), XmlError::TooDeep);
    let is_too_many = |document: String| match parse(document.as_bytes()) {
        Ok(_) => false,
        Err(error) => {
            assert!(matches!(error, XmlError::TooMany { .. }), "{error}");
            true
        }
    };
    let wide = |elements: usize| format!("<a>{}</a>", "<b/>".repeat(elements - 1));
    assert!(!is_too_many(wide(ELEMENTS_MAX)) && is_too_many(wide(ELEMENTS_MAX + 1)));
    let attributes = |count: usize| {
        format!("<a {}/>", (0..count).map(|at| format!("b{at}=\"\"")).collect::<Vec<_>>().join(" "))
    };
    assert!(!is_too_many(attributes(ATTRIBUTES_MAX)) && is_too_many(attributes(ATTRIBUTES_MAX + 1)));
    let named = |len: usize| format!("<{}/>", "a".repeat(len));
    assert!(!is_too_many(named(NAME_LEN_MAX)) && is_too_many(named(NAME_LEN_MAX + 1)));
}

#[test]
fn an_error_repeats_no_input() {
    for document in ["<hunter2>", "<a></hunter2>", "<a>&hunter2;</a>", "<a hunter2/>"] {
        let error = parse(document.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(text: String, attribute: String) {
        let mut writer = Writer::default();
        writer.text_with("a", &[("b", &attribute)], &text);
        let read = parse(&writer.finish()).unwrap();
        let allowed = |text: &str| text.replace(|c| !is_allowed(c), "\u{fffd}");
        prop_assert_eq!(read.attribute("b").map(str::to_owned), Some(allowed(&attribute)));
        prop_assert_eq!(read.text, allowed(&text));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in r#"[<>/!?&;#x0-9"'=a-c\[\]\- ]{0,64}"#) {
        drop(parse(&bytes));
        drop(parse(text.as_bytes()));
    }
}
