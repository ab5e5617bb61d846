use super::*;

fn parse(bytes: &[u8]) -> Result<(Pickle<'_>, usize), PickleError> {
    Pickle::parse(bytes, 0)
}

#[test]
fn numbers_are_read_with_their_sign() {
    for (bytes, expected) in [
        (&b"\x80\x02K\xff."[..], 255),
        (b"\x80\x02M\xff\xff.", 65_535),
        (b"\x80\x02J\xfe\xff\xff\xff.", -2),
        (b"\x80\x02\x8a\x00.", 0),
        (b"\x80\x02\x8a\x01\x80.", -128),
        (b"\x80\x02\x8b\x02\x00\x00\x00\x00\x80.", -32_768),
    ] {
        let (pickle, end) = parse(bytes).unwrap();
        assert_eq!(pickle.int(pickle.root()), Some(expected));
        assert_eq!(end, bytes.len());
    }
}

#[test]
fn a_shared_value_is_one_value() {
    // [x, x] with x = []
    let (pickle, _) = parse(b"\x80\x02](]q\x00h\x00e.").unwrap();
    let members = pickle.members(pickle.root()).unwrap();
    assert_eq!(members[0], members[1]);
}

#[test]
fn a_list_may_hold_itself() {
    let (pickle, _) = parse(b"\x80\x02]q\x00h\x00a.").unwrap();
    assert_eq!(pickle.members(pickle.root()), Some(&[pickle.root()][..]));
}

#[test]
fn a_million_nested_lists_are_dropped_without_recursion() {
    let mut bytes = b"\x80\x02".to_vec();
    bytes.extend(std::iter::repeat_n(b']', 1_000_000));
    bytes.extend(std::iter::repeat_n(b'a', 999_999));
    bytes.push(b'.');
    let (pickle, _) = parse(&bytes).unwrap();
    assert_eq!(pickle.values.len(), 1_000_000);
}

#[test]
fn what_would_be_run_is_named_and_not_run() {
    for (bytes, named) in [
        (
            &b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R."[..],
            "posix.system",
        ),
        (
            b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.",
            "posix.system",
        ),
        (b"cos\nsystem\n(S'ls'\ntR.", "os.system"),
        (
            b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
            "__builtin__.eval",
        ),
        (
            b"\x80\x02cfunctools\npartial\ncbuiltins\nexec\n\x85R.",
            "builtins.exec",
        ),
    ] {
        let error = parse(bytes).unwrap_err();
        assert!(matches!(error, PickleError::Blocked { .. }), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn what_else_would_be_called_is_kept_as_data() {
    for (bytes, named) in [
        (&b"\x80\x02csome.where\nfunction\n)R."[..], "some.where.function"),
        (b"\x80\x02(csome.where\nThing\nK\x01o.", "some.where.Thing"),
        (
            b"\x80\x02c__builtin__\nxrange\nK\x00K\x05K\x01\x87R.",
            "__builtin__.xrange",
        ),
        (
            b"\x80\x02c__builtin__\ngetattr\ncsome.where\nOuter\nX\x05\x00\x00\x00Inner\x86R)R.",
            "some.where.Outer.Inner",
        ),
        (b"\x80\x02csome.where\nfunction\n)R)R.", "that another call gives"),
    ] {
        let (pickle, end) = parse(bytes).unwrap();
        let object = pickle.object(pickle.root()).unwrap();
        assert_eq!(pickle.class_name(object), named);
        assert_eq!(end, bytes.len());
    }
}

#[test]
fn what_gets_items_is_a_dictionary_of_whatever_class() {
    let (pickle, _) = parse(b"\x80\x02csome.where\nConfig\n)\x81X\x01\x00\x00\x00aK\x01s.").unwrap();
    let value = pickle.get(pickle.root(), "a").unwrap();
    assert_eq!(pickle.int(value), Some(1));
    let (pickle, _) = parse(b"\x80\x02csome.where\nConfig\n)\x81.").unwrap();
    assert!(pickle.entries(pickle.root()).is_none());
}

#[test]
fn an_unknown_object_is_kept_as_data() {
    let (pickle, _) = parse(b"\x80\x02cargparse\nNamespace\n)\x81}X\x02\x00\x00\x00lrK\x01sb.").unwrap();
    let object = pickle.object(pickle.root()).unwrap();
    assert_eq!(pickle.class_of(object).unwrap().to_string(), "argparse.Namespace");
    let rate = pickle.get(object.state.unwrap(), "lr").unwrap();
    assert_eq!(pickle.int(rate), Some(1));
}

#[test]
fn an_ordered_dictionary_of_python_2_has_its_entries_in_its_arguments() {
    let (pickle, _) = parse(b"\x80\x02ccollections\nOrderedDict\n](](U\x01aK\x01ee\x85R.").unwrap();
    let value = pickle.get(pickle.root(), "a").unwrap();
    assert_eq!(pickle.int(value), Some(1));
}

#[test]
fn nonsense_is_an_error_with_its_place() {
    for (bytes, expected) in [
        (&b""[..], "byte 0"),
        (b"\x80\x02", "ends at byte 2"),
        (b"\x80\x09.", "protocol 9"),
        (b"\x80\x02.", "byte 2"),
        (b"\x80\x02(0.", "byte 3"),
        (b"\x80\x02te.", "byte 2"),
        (b"\x80\x02h\x05.", "value 5"),
        (b"\x80\x02\xff.", "0xff"),
        (b"\x80\x02K\x01)b.", "an object"),
        (b"\x80\x02)(K\x01e.", "a list"),
        (b"\x80\x02}(K\x01u.", "not there"),
        (b"\x80\x02X\xff\xff\xff\xffa.", "ends"),
        (b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.", "ends"),
        (b"\x80\x02\x8c\x01\xff.", "UTF-8"),
        (b"\x80\x02K\x01)R.", "the name of a class"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x01R.", "a tuple"),
    ] {
        let error = parse(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{bytes:?}: {error}");
    }
}
