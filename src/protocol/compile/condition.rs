use toml::de::{DeTable, DeValue};

use super::naming::Naming;
use crate::protocol::{
    field::{Condition, Subject, Test},
    keys::{Section, number},
    literal,
    pattern::Groups,
};

/// Reads the table `when`, if there is one.
pub(super) fn conditions<'a>(
    section: &mut Section<'a, '_, '_>,
    naming: &Naming,
) -> Box<[Condition]> {
    let Some(table) = section.table("when") else {
        return Box::default();
    };
    let mut when = section.below("when", Some(table));
    let mut all = Vec::new();
    for (key, value) in when.entries() {
        match condition(key, value, naming) {
            Ok(condition) => all.push(condition),
            Err(what) => when.fault(key, what),
        }
    }
    all.into()
}

fn condition(key: &str, value: &DeValue<'_>, naming: &Naming) -> Result<Condition, String> {
    let subject = match key {
        "size" => Subject::Size,
        name => Subject::Field(naming.known(name)?),
    };
    Ok(Condition { subject, test: test(value)? })
}

fn test(value: &DeValue<'_>) -> Result<Test, String> {
    let wrong = || {
        "must be a number, a text, a list of one of them, '~pattern', 'absent', 'present', \
         { mask = .., is = .. } or { min = .., max = .. }"
            .to_owned()
    };
    match value {
        DeValue::String(text) => match text.as_ref() {
            "absent" => Ok(Test::Absent),
            "present" => Ok(Test::Present),
            text => match text.strip_prefix('~') {
                Some(pattern) => Ok(Test::Fits(Box::new(Groups::new(pattern)?))),
                None => Ok(Test::Texts([literal::bytes(text)?.into()].into())),
            },
        },
        DeValue::Integer(_) => Ok(Test::Numbers([positive(value).ok_or_else(wrong)?].into())),
        DeValue::Array(list) => {
            let values = || list.iter().map(|one| one.get_ref());
            if let Some(numbers) = values().map(positive).collect::<Option<_>>() {
                return Ok(Test::Numbers(numbers));
            }
            let text = |value: &DeValue<'_>| literal::bytes(value.as_str()?).ok().map(Into::into);
            values().map(text).collect::<Option<_>>().map(Test::Texts).ok_or_else(wrong)
        }
        DeValue::Table(table) => bits(table).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

fn bits(table: &DeTable<'_>) -> Option<Test> {
    let of = |name: &str| {
        let (_, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
        positive(value.get_ref())
    };
    match (table.len(), of("mask"), of("is"), of("min"), of("max")) {
        (2, Some(mask), Some(is), ..) => Some(Test::Bits { mask, is }),
        (2, _, _, Some(least), Some(most)) => Some(Test::Between(least, most)),
        (1, _, _, Some(least), None) => Some(Test::Between(least, u64::MAX)),
        (1, _, _, None, Some(most)) => Some(Test::Between(0, most)),
        _ => None,
    }
}

fn positive(value: &DeValue<'_>) -> Option<u64> {
    u64::try_from(number(value)?).ok()
}
