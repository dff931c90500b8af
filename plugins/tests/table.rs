//! `docs/plugins.md` lists each module's primitives: what is there comes from the modules themselves,
//! what is missing, with the reason, is written by hand. `BLESS=1` rewrites the first part.

use std::fmt::Write;
use std::path::Path;

use rowel_interpreter::primitives::vm_module;
use rowel_plugins::MODULES;

/// Ends the part that is made from the modules.
const END: &str = "<!-- end of what is made from the modules -->\n";

fn table() -> String {
    let mut text = String::from(
        "# Named primitives\n\nWhat a method with primitive 117 finds, module by module. A primitive that is \
         not here fails, so that\nthe method's own code runs.\n\n| module | primitives |\n|---|---|\n",
    );
    let mut modules = MODULES.to_vec();
    modules.push(vm_module::MODULE);
    modules.sort_by_key(|module| module.name.to_lowercase());
    for module in modules {
        let name = if module.name.is_empty() { "(the VM itself)" } else { module.name };
        let mut rows: Vec<&str> = module.rows.iter().map(|row| row.0).collect();
        rows.sort_unstable();
        writeln!(text, "| {name} | {} |", rows.join(", ")).expect("writing to a string");
    }
    text + "\n" + END
}

#[test]
fn the_table_in_the_docs_lists_what_there_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plugins.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let by_hand = written.split_once(END).map_or("", |parts| parts.1).to_owned();
    let expected = table() + &by_hand;
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &expected).expect("the file can be written");
    }
    let written = std::fs::read_to_string(&path).expect("docs/plugins.md");
    assert!(written == expected, "docs/plugins.md is out of date: run the tests with BLESS=1");
    assert!(by_hand.contains("## Missing"), "the part by hand is there");
}
