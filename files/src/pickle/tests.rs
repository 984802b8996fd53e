//! Pickles, byte by byte.

use super::*;

/// Builtin types only, and what lies outside.
const PLAIN: Dialect = Dialect {
    what: "tests",
    globals: &[("builtins", "object")],
    dictionaries: &[("collections", "OrderedDict")],
    persistent: true,
};

fn parse(bytes: &[u8]) -> Result<Pickle<'_>, String> {
    Pickle::parse(bytes, &PLAIN)
}

#[test]
fn numbers_of_every_width() {
    // [1, 300, -1, 100000, -2, 2^40] written as BININT1, BININT2, BININT, BININT, LONG1, LONG1.
    let pickle =
        b"\x80\x02](K\x01M\x2c\x01J\xff\xff\xff\xffJ\xa0\x86\x01\x00\x8a\x01\xfe\x8a\x06\0\0\0\0\0\x01e.";
    let pickle = parse(pickle).unwrap();
    let Value::Sequence(items) = pickle.root() else { panic!("a list, not {:?}", pickle.root()) };
    let numbers: Vec<_> = items.iter().map(|&item| pickle.get(item).clone()).collect();
    assert_eq!(numbers, [1, 300, -1, 100_000, -2, 1 << 40].map(Value::Int));
}

#[test]
fn what_would_run_code_is_refused_by_name() {
    let error = parse(b"cos\nsystem\n(U\x04echotR.").unwrap_err();
    assert!(error.contains("\"os\" \"system\""), "{error}");
    let error = parse(b"\x80\x04\x8c\x02os\x8c\x06system\x93.").unwrap_err();
    assert!(error.contains("\"os\" \"system\""), "{error}");
    // INST, the opcode of old-style classes.
    let error = parse(b"(ios\nsystem\n.").unwrap_err();
    assert!(error.contains("opcode INST (0x69)"), "{error}");
}

#[test]
fn programs_that_make_no_sense_are_refused() {
    let cases: [&[u8]; 12] = [
        b"",
        b".",
        b"K",
        b"0.",
        b"(.",
        b"K\x01a.",
        b"](K\x01",
        b"}(K\x01u.",
        b"h\x05.",
        b"U\xffabc.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"Nb.",
    ];
    for case in cases {
        assert!(parse(case).is_err(), "{case:?}");
    }
}

#[test]
fn a_mark_hides_what_is_below() {
    assert!(parse(b"K\x01(0.").is_err());
    assert!(parse(b"K\x01(10.").is_err());
    assert!(parse(b"K\x01(1.").is_ok());
}

#[test]
fn numbers_and_names_as_text() {
    // Protocol 0: (lp0, I1, I01, L-7L, F0.5, S'a', Vb, g0) as a list.
    let pickle = parse(b"(lp0\nI1\naI01\naL-7L\naF0.5\naS'a'\naVb\na.").unwrap();
    let Value::Sequence(items) = pickle.root() else { panic!("a list, not {:?}", pickle.root()) };
    let values: Vec<_> = items.iter().map(|&item| pickle.get(item).clone()).collect();
    let expected = [Value::Int(1), Value::Bool(true), Value::Int(-7), Value::Float(0.5)];
    assert_eq!(values[..4], expected);
    assert_eq!(values[4..], [Value::Bytes(b"a"), Value::Bytes(b"b")]);
    assert!(parse(b"Ix\n.").is_err() && parse(b"S'a\n.").is_err() && parse(b"gx\n.").is_err());
}

#[test]
fn ordered_dictionaries_are_dictionaries() {
    // OrderedDict(), given an entry and attributes.
    let pickle = parse(b"\x80\x02ccollections\nOrderedDict\n)RU\x01kK\x05s}b.").unwrap();
    let Value::Dict(entries) = pickle.root() else { panic!("a dictionary, not {:?}", pickle.root()) };
    assert_eq!((pickle.text(entries[0].0), pickle.get(entries[0].1)), (Some("k"), &Value::Int(5)));
    // OrderedDict([["k", 5]]), as Python 2 writes it.
    let pickle = parse(b"\x80\x02ccollections\nOrderedDict\n](](U\x01kK\x05ee\x85R.").unwrap();
    assert!(matches!(pickle.root(), Value::Dict(entries) if entries.len() == 1));
    assert!(parse(b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.").is_err());
}

#[test]
fn what_lies_outside_needs_a_dialect_that_has_it() {
    let pickle = parse(b"U\x01kQ.").unwrap();
    let &Value::Persistent(name) = pickle.root() else { panic!("{:?}", pickle.root()) };
    assert_eq!((pickle.text(name), pickle.length()), (Some("k"), 5));
    let closed = Dialect { persistent: false, ..PLAIN };
    assert!(
        Pickle::parse(b"U\x01kQ.", &closed)
            .unwrap_err()
            .contains("opcode BINPERSID (0x51) is not one that tests use")
    );
}

#[test]
fn only_classes_can_be_called() {
    assert!(parse(b"cbuiltins\nobject\n)R.").is_ok());
    assert!(parse(b"K\x01)R.").unwrap_err().contains("no class"));
}

#[test]
fn long_pickles_and_lists_that_are_copied_often_end_soon() {
    let many = b"]".repeat(1 << 20);
    assert!(parse(&many).unwrap_err().contains("longer than any"));
    // A list of 50,000 pairs, given to 10,000 dictionaries.
    let mut copied = b"\x80\x02ccollections\nOrderedDict\nq\x00K\x01K\x02\x86q\x01](".to_vec();
    copied.extend(b"h\x01".repeat(50_000));
    copied.extend(b"eq\x02");
    copied.extend(b"h\x00h\x02\x85R".repeat(10_000));
    copied.push(b'.');
    assert!(parse(&copied).unwrap_err().contains("longer than any"));
}

#[test]
fn what_is_refused_is_named_in_a_few_words() {
    let name = "x".repeat(100_000);
    let error = parse(format!("c{name}\n{name}\n.").as_bytes()).unwrap_err();
    assert!(error.len() < 400 && error.contains("xxx…"), "{error}");
}
