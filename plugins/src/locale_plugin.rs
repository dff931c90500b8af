//! LocalePlugin: language and country of the user, offsets of local time, and how numbers and dates are
//! written.
//!
//! Language and country come from the environment (`LC_ALL`, `LC_MESSAGES`, `LANG`); the rest is that of
//! C's own locale, whatever the environment says. Source: `LocalePlugin.c`, `sqUnixLocale.c`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rowel_interpreter::clock;
use rowel_interpreter::primitive::{Module, NamedRow, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

/// The module.
pub const MODULE: Module = Module { name: "LocalePlugin", rows: ROWS };

/// What the module holds.
const ROWS: &[NamedRow] = &[
    ("primitiveCountry", Primitive::Value(country)),
    ("primitiveCurrencyNotation", Primitive::Value(yes)),
    ("primitiveCurrencySymbol", Primitive::Value(currency_symbol)),
    ("primitiveDaylightSavings", Primitive::Value(daylight_savings)),
    ("primitiveDecimalSymbol", Primitive::Value(decimal_symbol)),
    ("primitiveDigitGroupingSymbol", Primitive::Value(digit_grouping_symbol)),
    ("primitiveLanguage", Primitive::Value(language)),
    ("primitiveLongDateFormat", Primitive::Value(date_format)),
    ("primitiveMeasurementMetric", Primitive::Value(yes)),
    ("primitiveShortDateFormat", Primitive::Value(date_format)),
    ("primitiveTimeFormat", Primitive::Value(time_format)),
    ("primitiveTimezoneOffset", Primitive::Value(timezone_offset)),
    ("primitiveVMOffsetToUTC", Primitive::Value(vm_offset)),
];

/// Language and country where the environment names none.
const DEFAULT: (&str, &str) = ("en", "US");

/// Language and country in a name like `de_CH.UTF-8`.
fn parse(locale: &str) -> (String, String) {
    let name = locale.split(['.', '@']).next().unwrap_or_default();
    let (language, country) = name.split_once('_').unwrap_or((name, ""));
    let code = |part: &str, default: &str| {
        let is_code = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
        if is_code { part.to_string() } else { default.to_string() }
    };
    (code(language, DEFAULT.0), code(country, DEFAULT.1))
}

fn user_locale() -> (String, String) {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let name = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find(|name| set(name));
    parse(&name.and_then(|name| std::env::var(name).ok()).unwrap_or_default())
}

fn language(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(user_locale().0.as_bytes())
}

fn country(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(user_locale().1.as_bytes())
}

/// The currency symbol comes first; measures are metric.
fn yes(vm: &mut Vm) -> PrimitiveResult {
    Ok(vm.heap.true_object())
}

fn currency_symbol(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(b"")
}

fn decimal_symbol(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(b".")
}

fn digit_grouping_symbol(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(b",")
}

fn date_format(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(b"%m/%d/%y")
}

fn time_format(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(b"%H:%M:%S")
}

/// Minutes by which local time is ahead of UTC.
fn timezone_offset(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(clock::local_offset_seconds() / 60))
}

/// Minutes by which the clocks of the VM differ from local time: they do not.
fn vm_offset(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(0))
}

fn daylight_savings(vm: &mut Vm) -> PrimitiveResult {
    let zone = TimeZone::system();
    let is_dst = zone.to_offset_info(Timestamp::now()).dst().is_dst();
    Ok(vm.heap.boolean(is_dst))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_and_country_are_parsed_or_default() {
        let parsed = |name| parse(name);
        let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
        assert_eq!(parsed("de_CH.UTF-8"), pair("de", "CH"));
        assert_eq!(parsed("fr"), pair("fr", "US"));
        assert_eq!(parsed("C.UTF-8"), pair("en", "US"));
        assert_eq!(parsed(""), pair("en", "US"));
    }
}
