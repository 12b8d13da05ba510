use super::*;

#[test]
fn rfc8259_4_a_member_is_there_once_at_every_depth() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"a":{"b":1,"c":2,"b":1}}"#,
        r#"[[{"":1,"":2}]]"#,
        r#"{"a":null,"a":null}"#,
    ] {
        let problem = read(text).unwrap_err().problem;
        assert!(problem.contains("duplicate field"), "{text}: {problem}");
    }
    for text in [r#"{"A":1,"a":1}"#, r#"{"a":{"a":{"a":1}}}"#, r#"[{"a":1},{"a":1}]"#] {
        assert_eq!(write(&read(text).unwrap()), text);
    }
}

#[test]
fn a_member_that_is_there_twice_spoils_the_entry_of_a_list_where_that_is_asked_for() {
    for (text, expected) in [
        (r#"{"k":[{"a":1,"a":1},{"a":2}]}"#, r#"{"k":[null,{"a":2}]}"#),
        (r#"{"k":[{"a":1,"a":1,"b":[1]},2]}"#, r#"{"k":[null,2]}"#),
        (r#"{"k":[{"b":[1],"a":{"c":1,"c":1}},2]}"#, r#"{"k":[null,2]}"#),
        (r#"{"k":[{"b":[{"a":1,"a":1},3]},2]}"#, r#"{"k":[{"b":[null,3]},2]}"#),
        (r#"[[{"a":1,"a":1}],{"a":[]}]"#, r#"[[null],{"a":[]}]"#),
    ] {
        assert_eq!(write(&read_sparing(text).unwrap()), expected, "{text}");
    }
    for text in
        [r#"{"a":1,"a":1}"#, r#"{"a":1,"a":1,"k":[1]}"#, r#"{"k":[1],"k":[]}"#, r#"{"k":[{"a":1}],"b":{"c":1,"c":1}}"#]
    {
        assert!(read_sparing(text).is_err(), "{text}");
    }
    assert!(read_sparing("[{}").is_err() && read_sparing("[{}]]").is_err());
}

#[test]
fn a_text_is_one_value_of_bounded_depth() {
    for text in ["", " ", "{", "{}{}", "{} x", "nul", "01", "1.", "'a'", "[1,]", "{\"a\":1,}", "\u{feff}{}", "1e999"] {
        assert!(read(text).is_err(), "{text}");
    }
    assert!(read([0xff]).is_err() && read(b"\"\xff\"").is_err() && read(r#""\ud800""#).is_err());
    let nested = |depth: usize| read(format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    assert!(nested(127).is_ok() && nested(128).is_err() && nested(100_000).is_err());
    for text in ["null", "true", "18446744073709551615", "-1", "1.5", r#""a\"b""#, r#"[1,"a",{"b":[]}]"#] {
        assert_eq!(write(&read(text).unwrap()), text);
        assert_eq!(read(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }
}

#[test]
fn what_does_not_fit_is_named_by_its_place() {
    let place = |text: &str| {
        let within = |value| Table::with_only("c d", value)?.required("c", flag);
        let table =
            Table::of(read(text).unwrap()).and_then(|mut table| table.optional("a", |value| list_of(value, within)));
        table.map(|_| ()).map_err(|error| error.to_string())
    };
    for (text, expected) in [
        ("1", "invalid type: 1, expected a table"),
        (r#"{"a":{}}"#, "a: invalid type: a table, expected a list"),
        (r#"{"a":[[]]}"#, "a[0]: invalid type: a list, expected a table"),
        (r#"{"a":[{"c":true},{"c":null}]}"#, "a[1].c: invalid type: null, expected true or false"),
        (r#"{"a":[{"d":1}]}"#, "a[0]: missing field `c`"),
        (r#"{"a":[{"c":true,"e":1}]}"#, "a[0].e: unknown field `e`, expected one of `c`, `d`"),
    ] {
        assert_eq!(place(text), Err(expected.to_owned()), "{text}");
    }
    for text in ["{}", r#"{"a":null,"b":1}"#, r#"{"a":[]}"#, r#"{"a":[{"c":false,"d":{}}]}"#] {
        assert_eq!(place(text), Ok(()), "{text}");
    }
    assert_eq!(variant("x".into(), &[("y", 1)]).unwrap_err().problem, "unknown variant `x`, expected `y`");
    assert!(whole((-1).into()).is_err() && whole(1.0.into()).is_err() && whole("1".into()).is_err());
}

#[test]
fn a_text_of_others_has_so_many_lists_and_objects_and_settings_have_any() {
    for (unit, rooms) in [("{}", 1), ("[]", 1), ("{\"\":0}", 1), ("[0]", 1), ("{\"a\":[{}]}", 3), ("0", 0)] {
        let text = |count: usize| format!("[{}]", vec![unit; count].join(","));
        let most = (MOST_NESTED - 1).checked_div(rooms).unwrap_or(100_000);
        assert!(read(text(most)).is_ok() && read_sparing(&text(most)).is_ok(), "{unit}");
        let one_more = text(most + 1);
        assert_eq!(read(&one_more).is_err(), rooms > 0, "{unit}");
        assert_eq!(read_sparing(&one_more).is_err(), rooms > 0, "{unit}");
        assert_eq!(strictly(&mut serde_json::Deserializer::from_str(&one_more)).is_err(), rooms > 0, "{unit}");
        assert!(read_settings(&one_more).is_ok(), "{unit}");
    }
}
