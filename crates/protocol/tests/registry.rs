//! `proto-spec/messages.toml` says the same as the crate: numbers, names, directions, layouts,
//! values and bits. A test spoils it in each way that there is and sees that it is noticed.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod crate_facts;
mod registry_file;
mod struct_layout;
mod vector_file;

use std::collections::BTreeMap;

use crate_facts::{direction_of, has_data, names, struct_of};
use greenroom_protocol::{
    CancelReason, Capabilities, DeadlineKind, FailureKind, InitializeCode, MessageType,
    ShutdownReason, version,
};
use registry_file::{Field, Message, Registry, registry, registry_text};
use struct_layout::Fields;

#[test]
fn the_registry_says_what_the_crate_does() {
    assert_eq!(differences(&registry()), [""; 0]);
}

/// Each edit is one that somebody could make by mistake, with a word of what it must be noticed by.
#[test]
fn every_kind_of_difference_is_noticed() {
    let edits = [
        ("number = 22\n", "number = 23\n", "JobFinished"),
        (
            "number = 4\nname = \"Pong\"",
            "number = 3\nname = \"Pong\"",
            "3",
        ),
        ("name = \"Pong\"", "name = \"Echo\"", "Echo"),
        (
            "name = \"Retire\"\ndirection = \"worker-to-host\"",
            "name = \"Retire\"\ndirection = \"host-to-worker\"",
            "Retire goes",
        ),
        (
            "since = 1\ndata = true\nfields = [{ name = \"job\"",
            "since = 2\ndata = true\nfields = [{ name = \"job\"",
            "version 2",
        ),
        (
            "capability = \"stack dump\"",
            "capability = \"stacks\"",
            "stacks",
        ),
        (
            "direction = \"worker-to-host\"\nsince = 1\ndata = true\nfields = [{ name = \"job\"",
            "direction = \"worker-to-host\"\nsince = 1\ndata = false\nfields = [{ name = \"job\"",
            "JobOutput has data",
        ),
        (
            "since = 1\ndata = false\nfields = [{ name = \"seq\"",
            "since = 1\ndata = true\nfields = [{ name = \"seq\"",
            "Ping has data",
        ),
        // A field's name, order, type, one too few and one too many.
        ("\"lag_us\"", "\"lag_ms\"", "Pong"),
        (
            "  { name = \"ping_timeout_ms\", type = \"u64\" },\n  { name = \"high_ping_ms\", type = \"u64\" },\n",
            "  { name = \"high_ping_ms\", type = \"u64\" },\n  { name = \"ping_timeout_ms\", type = \"u64\" },\n",
            "InitializeRequest",
        ),
        (
            "{ name = \"bytes\", type = \"u32\" }",
            "{ name = \"bytes\", type = \"u64\" }",
            "JobWindow",
        ),
        (
            "type = \"Option<String>\"",
            "type = \"String\"",
            "CallResponse",
        ),
        (
            "type = \"Vec<Pair>\"",
            "type = \"Vec<Extension>\"",
            "StartJob",
        ),
        (
            "{ name = \"reason\", type = \"CancelReason\" }",
            "{ name = \"reason\", type = \"ShutdownReason\" }",
            "CancelJob",
        ),
        (
            "  { name = \"attempt\", type = \"u32\" },\n",
            "",
            "StartJob",
        ),
        (
            "fields = []",
            "fields = [{ name = \"threads\", type = \"u32\" }]",
            "DumpStacks",
        ),
        // The same inside structs.
        (
            "{ name = \"max_payload\", type = \"u64\" }",
            "{ name = \"max_payload\", type = \"u32\" }",
            "Limits",
        ),
        (
            "{ name = \"content\", type = \"bytes\" }",
            "{ name = \"content\", type = \"String\" }",
            "Extension",
        ),
        (
            "  { name = \"key\", type = \"String\" },\n  { name = \"value\", type = \"String\" },\n",
            "  { name = \"value\", type = \"String\" },\n  { name = \"key\", type = \"String\" },\n",
            "Pair",
        ),
        (
            "name = \"JobFailure\"\nfields",
            "name = \"Trouble\"\nfields",
            "Trouble",
        ),
        // Enumerations and bits.
        (
            "{ number = 2, name = \"panic\" }",
            "{ number = 5, name = \"panic\" }",
            "FailureKind",
        ),
        ("name = \"surplus\"", "name = \"spare\"", "ShutdownReason"),
        ("  { number = 3, name = \"close\" },\n", "", "DeadlineKind"),
        (
            "{ number = 2, name = \"version\" },\n",
            "{ number = 2, name = \"version\" },\n  { number = 3, name = \"late\" },\n",
            "InitializeCode",
        ),
        (
            "name = \"CancelReason\"\ntype = \"u16\"",
            "name = \"CancelReason\"\ntype = \"u32\"",
            "CancelReason",
        ),
        (
            "name = \"Capabilities\"\ntype = \"u64\"",
            "name = \"Capabilities\"\ntype = \"u32\"",
            "Capabilities",
        ),
        ("{ bit = 0,", "{ bit = 1,", "bits"),
        (
            "bits = [{ bit = 0, name = \"stack dump\" }]",
            "bits = [{ bit = 0, name = \"stack dump\" }, { bit = 3, name = \"more\" }]",
            "bits",
        ),
    ];
    for (from, to, word) in edits {
        let spoilt = registry_text().replacen(from, to, 1);
        assert_ne!(spoilt, registry_text(), "nothing to edit: {from}");
        let noticed = differences(&toml::from_str(&spoilt).unwrap()).join("\n");
        assert!(noticed.contains(word), "{from} -> {to}: {noticed:?}");
    }
}

/// In words, everything in which the registry and the crate differ.
fn differences(registry: &Registry) -> Vec<String> {
    [
        numbers_and_names(registry),
        registry.message.iter().flat_map(message).collect(),
        registry
            .message
            .iter()
            .flat_map(|one| capability(registry, one))
            .collect(),
        structs(registry),
        enumerations(registry),
        bits(registry),
    ]
    .concat()
}

fn numbers_and_names(registry: &Registry) -> Vec<String> {
    let said = registry.message.iter();
    let mut said: Vec<_> = said.map(|one| (one.number, one.name.clone())).collect();
    said.sort();
    let known: Vec<_> = names(|number| MessageType(number).name())
        .into_iter()
        .collect();
    unequal("the messages", &said, &known)
}

fn message(said: &Message) -> Vec<String> {
    let Message {
        number,
        name,
        direction,
        since,
        data,
        fields,
        capability: _,
    } = said;
    let mut differences = Vec::new();
    if !version::SUPPORTED.contains(since) {
        differences.push(format!("{name} is of version {since}, which is not spoken"));
    }
    let known = direction_of(MessageType(*number));
    if known != Some(*direction) {
        differences.push(format!("{name} goes {direction:?}, in the crate {known:?}"));
    }
    if has_data(name) != Some(*data) {
        differences.push(format!("{name} has data: {data}, in the crate not so"));
    }
    let known = struct_of(name).map(|(fields, _)| fields);
    differences.extend(unequal(name, &Some(named(fields)), &known));
    differences
}

fn capability(registry: &Registry, message: &Message) -> Option<String> {
    let needed = message.capability.as_ref()?;
    let mut bits = registry.bitset.iter().flat_map(|set| &set.bits);
    let is_there = bits.any(|bit| bit.name == *needed);
    (!is_there).then(|| format!("{} needs {needed}, which is no bit", message.name))
}

/// Each struct, enumeration and bit set that the messages of the crate are made of.
fn structs(registry: &Registry) -> Vec<String> {
    let structs = registry.r#struct.iter();
    let structs = structs.map(|one| (one.name.clone(), named(&one.fields)));
    let enumerations = registry
        .enumeration
        .iter()
        .map(|one| (&one.name, &one.r#type));
    let bitsets = registry.bitset.iter().map(|one| (&one.name, &one.r#type));
    let integers = enumerations.chain(bitsets);
    let integers = integers.map(|(name, kind)| (name.clone(), vec![("0".into(), kind.clone())]));
    let said: BTreeMap<String, Fields> = structs.chain(integers).collect();
    let known: BTreeMap<String, Fields> = names(|number| MessageType(number).name())
        .values()
        .filter_map(|message| struct_of(message))
        .flat_map(|(_, inside)| inside)
        .collect();
    unequal("what fields are made of", &said, &known)
}

fn enumerations(registry: &Registry) -> Vec<String> {
    let known = BTreeMap::from([
        ("CancelReason", names(|number| CancelReason(number).name())),
        ("DeadlineKind", names(|number| DeadlineKind(number).name())),
        ("FailureKind", names(|number| FailureKind(number).name())),
        (
            "InitializeCode",
            names(|number| InitializeCode(number).name()),
        ),
        (
            "ShutdownReason",
            names(|number| ShutdownReason(number).name()),
        ),
    ]);
    let said = registry.enumeration.iter().map(|one| {
        let values = one
            .values
            .iter()
            .map(|value| (value.number, value.name.clone()));
        (one.name.as_str(), values.collect())
    });
    unequal("the enumerations", &said.collect(), &known)
}

fn bits(registry: &Registry) -> Vec<String> {
    let bits = registry.bitset.iter().flat_map(|set| &set.bits);
    let said: Vec<_> = bits
        .map(|bit| (Capabilities(1 << bit.bit), bit.name.as_str()))
        .collect();
    unequal(
        "the bits",
        &said,
        &vec![(Capabilities::STACK_DUMP, "stack dump")],
    )
}

fn named(fields: &[Field]) -> Fields {
    let fields = fields.iter();
    fields
        .map(|field| (field.name.clone(), field.r#type.clone()))
        .collect()
}

fn unequal<T: PartialEq + std::fmt::Debug>(what: &str, said: &T, known: &T) -> Vec<String> {
    if said == known {
        Vec::new()
    } else {
        vec![format!(
            "{what}: the registry says {said:?}, the crate {known:?}"
        )]
    }
}
