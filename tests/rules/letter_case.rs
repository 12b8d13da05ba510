//! Many routers ignore case (Express, React Router, Nuxt, ASP.NET, file systems): for them `/ADMIN` is the page at
//! `/admin`. Whose page it is only the origin knows, so the rules of both have to admit.

use portcullis::gate::Cacheable;
use serde_json::json;

use crate::{
    signed_in,
    support::{
        browser::Browser,
        outcome::{forwarded, status},
        world::{HOST, Head, World},
    },
    with_rules,
};

#[test]
fn the_rule_of_another_case_has_to_admit_too() {
    let world = World::new();
    let isolate = world.isolate(&with_rules(json!([
        { "path": "/admin/**", "allow": [{ "group": "admins" }], "id": "admin" },
        { "path": "/Reports/*.PDF", "allow": [{ "group": "admins" }] },
        { "path": "/pictures/*.jpg", "sso": false },
        { "path": "/pay/**", "require": [{ "max_age": "5m" }] },
        { "path": "/open/**", "sso": false },
        { "path": "/Open/Plans/**" },
        { "path": "/**" },
    ])));
    let (ada, bob) = (Browser::new("ada"), Browser::new("bob"));
    for browser in [&ada, &bob] {
        browser.open(&isolate, "/");
    }
    for (path, nobody, for_bob) in [
        ("/admin/x", 401, 403),
        ("/ADMIN/x", 401, 403),
        ("/Admin", 401, 403),
        ("/adMin./x", 401, 403),
        ("/administration", 401, 200),
        // A rule with capitals, and the page without.
        ("/Reports/a.PDF", 401, 403),
        ("/reports/a.pdf", 401, 403),
        ("/reports/A.Pdf", 401, 403),
        ("/reports/a.txt", 401, 200),
        // Where the rule of the other case is milder, it gives nothing away, and nothing is refused for it.
        ("/pictures/a.jpg", 200, 200),
        ("/pictures/IMG_1.JPG", 401, 200),
        ("/PICTURES/a.jpg", 401, 200),
        ("/OPEN/x", 401, 200),
        // The first rule decides, also for who ignores case: of that, the other has no say.
        ("/open/plans/x", 200, 200),
        ("/Open/Plans/x", 401, 200),
        // Of several readings, the rules of each have a say.
        ("/%41dmin/x", 401, 403),
        ("/open/%58", 200, 200),
        ("/pictures/a;1.JPG", 401, 200),
    ] {
        assert_eq!(isolate.status(&Head::new("GET", path)), nobody, "{path}");
        assert_eq!(status(&bob.send(&isolate, Head::new("GET", path))), for_bob, "{path}");
        assert_eq!(status(&ada.send(&isolate, Head::new("GET", path))), 200, "{path}");
    }
    assert!(world.log().contains(r#""rule":"admin","subject":"bob""#), "the log names it: {}", world.log());
    // What it asks for beyond a sign-in is asked for at once.
    assert!(Browser::new("ada").start(&isolate, "/PAY/form").contains("max_age=300"));
}

/// Express ignores the case of where a folder is mounted, and the file system that it reads from does not: what is at
/// `/FILES/Scan.JPG` is `/files/Scan.JPG`, which is no `*.jpg`.
#[test]
fn a_rule_has_a_say_where_one_part_of_the_path_is_told_and_another_not() {
    let world = World::new();
    let isolate = world.isolate(&with_rules(json!([
        { "path": "/files/*.jpg", "sso": false },
        { "path": "/u/Guest/**", "sso": false },
        { "path": "/files/**", "allow": [{ "group": "admins" }] },
        { "path": "/u/**", "allow": [{ "group": "admins" }] },
        { "path": "/own" },
        { "path": "/**", "sso": false },
    ])));
    let bob = Browser::new("bob");
    bob.open(&isolate, "/own");
    for (path, nobody, for_bob) in [
        ("/files/scan.jpg", 200, 200),
        ("/files/Scan.JPG", 401, 403),
        ("/FILES/Scan.JPG", 401, 403),
        ("/FILES/scan.jpg", 401, 403),
        ("/u/Guest/x", 200, 200),
        ("/u/guest/x", 401, 403),
        ("/U/GUEST/x", 401, 403),
        ("/IMG;1.JPG", 200, 200),
    ] {
        assert_eq!(isolate.status(&Head::new("GET", path)), nobody, "{path}");
        assert_eq!(status(&bob.send(&isolate, Head::new("GET", path))), for_bob, "{path}");
    }
}

#[test]
fn a_rule_that_watches_sees_what_it_would_have_a_say_in() {
    let world = World::new();
    let rules = json!([
        { "path": "/admin/**", "allow": [{ "group": "others" }], "mode": "report", "id": "admin" },
        { "path": "/**" },
    ]);
    let (isolate, ada) = signed_in(&world, rules);
    assert!(!world.log().contains("would_deny"), "{}", world.log());
    assert_eq!(status(&ada.send(&isolate, Head::new("GET", "/Admin/x"))), 200);
    assert!(world.log().contains("would_deny"), "{}", world.log());
}

/// Who is signed in stays so, and the answer private, whichever of the two rules is the milder.
#[test]
fn optional_beside_public_is_optional() {
    let world = World::new();
    let rules = json!([{ "path": "/login", "sso": false }, { "path": "/**", "sso": "optional" }]);
    let (isolate, ada) = signed_in(&world, rules);
    for path in ["/Login", "/else"] {
        let arrived = forwarded(ada.send(&isolate, Head::new("GET", path)));
        assert_eq!(arrived.cacheable(), Cacheable::Privately, "{path}");
    }
}

#[test]
fn a_method_that_a_rule_of_another_case_names_is_not_overridden() {
    let world = World::new();
    let rules = json!([
        { "path": "/wiki/**", "methods": ["DELETE"], "allow": [{ "group": "nobody" }] },
        { "path": "/**" },
    ]);
    let (isolate, ada) = signed_in(&world, rules);
    let send = |method: &str, path: &str, with: &str| {
        status(&ada.send(&isolate, Head::new(method, path).with("origin", HOST).with("x-http-method-override", with)))
    };
    assert_eq!(send("POST", "/wiki/x", "DELETE"), 400);
    assert_eq!(send("POST", "/WIKI/x", "DELETE"), 400);
    assert_eq!(send("POST", "/Else/x", "DELETE"), 200);
    assert_eq!(status(&ada.send(&isolate, Head::new("DELETE", "/Wiki/x").with("origin", HOST))), 403);
}

/// COPY and MOVE name a second path (RFC 4918, 9.8, 9.9).
#[test]
fn nothing_is_copied_to_where_a_rule_of_another_case_has_a_say() {
    let world = World::new();
    let (isolate, ada) = signed_in(&world, json!([{ "path": "/admin/**", "allow": [{ "group": "others" }] }]));
    for (destination, expected) in [("/files/b", 200), ("/Files/b", 200), ("/ADMIN/b", 400), ("/Admin", 400)] {
        let head = Head::new("COPY", "/files/a").with("origin", HOST).with("destination", destination);
        assert_eq!(status(&ada.send(&isolate, head)), expected, "{destination}");
    }
}
