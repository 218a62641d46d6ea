//! What is checked when a probe is made, and what its texts tell.

use crate::Probe;

#[track_caller]
fn refused(probe: Result<Probe, crate::ProbeError>) -> String {
    probe.expect_err("it cannot be used").to_string()
}

#[test]
fn an_address_is_a_host_and_a_port() {
    for good in ["127.0.0.1:5432", "localhost:80", "[::1]:80", "a_b.c-d.:1"] {
        let probe = Probe::tcp(good).unwrap();
        assert_eq!(probe.to_string(), format!("tcp {good}"));
    }
    for (bad, why) in [
        ("", "names no host"),
        (":80", "names no host"),
        ("localhost", "has no port"),
        ("[::1]", "has no port"),
        ("localhost:", "port is not a number"),
        ("localhost:0", "port is not a number"),
        ("localhost:+80", "port is not a number"),
        ("localhost:65536", "port is not a number"),
        ("[::1]80", "port is not a number"),
        ("::1", "in brackets"),
        ("2001:db8::1:80", "in brackets"),
        ("[::1:80", "its host is neither"),
        ("[localhost]:80", "its host is neither"),
        ("two words:80", "its host is neither"),
        ("h\r\nX: y:80", "its host is neither"),
        ("m\u{fc}ller:80", "its host is neither"),
        ("http://localhost:80", "its host is neither"),
    ] {
        let text = refused(Probe::tcp(bad));
        assert!(text.contains(why), "{bad:?}: {text}");
        assert!(text.ends_with("for example 127.0.0.1:5432"), "{text}");
        assert!(!text.contains(['\n', '\r']), "{text}");
    }
}

#[test]
fn a_url_is_http_with_a_host() {
    for (given, shown) in [
        ("http://localhost", "http http://localhost/"),
        ("HTTP://localhost:80?a=b", "http http://localhost/"),
        ("http://[::1]:8080/a/b#c", "http http://[::1]:8080/a/b"),
    ] {
        assert_eq!(Probe::http(given).unwrap().to_string(), shown);
    }
    for (bad, why) in [
        ("https://localhost/", "https is not spoken here"),
        ("localhost:80/health", "is no http:// URL"),
        ("ftp://localhost/", "is no http:// URL"),
        ("", "is no http:// URL"),
        ("http://", "names no host"),
        ("http:///health", "names no host"),
        ("http://?a", "names no host"),
        ("http://:80/", "names no host"),
        ("http://host:port/", "port is not a number"),
        ("http://::1/", "in brackets"),
        ("http://host/a b", "%20"),
        ("http://host/\r\nX: y", "%20"),
        ("http://me@host/", "a user before its host"),
    ] {
        let text = refused(Probe::http(bad));
        assert!(text.contains(why), "{bad:?}: {text}");
        assert!(!text.contains(['\n', '\r']), "{text}");
    }
}

#[test]
fn secrets_are_not_told() {
    let given = "http://127.0.0.1:1/path?token=hush";
    let probe = Probe::http(given).unwrap();
    assert!(!format!("{probe} {probe:?}").contains("hush"));
    for bad in [
        "http://me:hush@host/",
        "http://me:hu/sh:hush@host/",
        "http://host/a b?hush",
        "http://host/a b#hush",
        "https://me:hush@host/?hush",
        "ftp://me:hush@host/",
    ] {
        let error = Probe::http(bad).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        let error = Probe::tcp(bad).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
}
