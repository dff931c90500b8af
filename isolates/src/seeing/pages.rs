//! Whose memory is shared and whose is not: what the system says of the pages of a cage.
//!
//! Source: the Linux kernel's `Documentation/filesystems/proc.rst`, section on `smaps`. A page of a cage that is
//! *anonymous* has been written, or belongs to the nursery or private old space: it is the isolate's own. All others
//! are the template's or the image file's, and shared by all that start from it. Must not know what is in the pages.

use std::ops::Range;

/// Pages of one cage that are in memory, in bytes. What is not in a cage (native code, translated code, the
/// thread's stack) is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// The isolate's own.
    pub private_bytes: u64,
    /// Those of the template or the image file.
    pub shared_bytes: u64,
    /// Its own, and its part of what is shared by as many as use it.
    pub proportional_bytes: u64,
}

/// The pages of each of these ranges of addresses, by the text of `smaps`.
pub(crate) fn of_ranges(smaps: &str, ranges: &[Range<u64>]) -> Vec<Pages> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_by_key(|index| ranges[*index].start);
    let mut pages = vec![Pages::default(); ranges.len()];
    let mut here: Option<usize> = None;
    for line in smaps.lines() {
        if let Some(start) = start_of_map(line) {
            let after = order.partition_point(|index| ranges[*index].start <= start);
            let last = after.checked_sub(1).map(|place| order[place]);
            here = last.filter(|index| ranges[*index].contains(&start));
        } else if let Some(index) = here {
            count(&mut pages[index], line);
        }
    }
    for each in &mut pages {
        each.shared_bytes = each.shared_bytes.saturating_sub(each.private_bytes);
    }
    pages
}

/// The pages of these ranges of addresses of this process; `None` where the system does not tell.
pub(crate) fn of_process(ranges: &[Range<u64>]) -> Option<Vec<Pages>> {
    let smaps = std::fs::read_to_string("/proc/self/smaps").ok()?;
    Some(of_ranges(&smaps, ranges))
}

/// Where a map starts, if the line begins one.
fn start_of_map(line: &str) -> Option<u64> {
    let (start, rest) = line.split_once('-')?;
    let (end, _) = rest.split_once(' ')?;
    u64::from_str_radix(end, 16).ok()?;
    u64::from_str_radix(start, 16).ok()
}

/// Add what a line says; `shared_bytes` takes all that is in memory until the end.
fn count(pages: &mut Pages, line: &str) {
    let Some((name, rest)) = line.split_once(':') else { return };
    let place = match name {
        "Rss" => &mut pages.shared_bytes,
        "Anonymous" => &mut pages.private_bytes,
        "Pss" => &mut pages.proportional_bytes,
        _ => return,
    };
    let kilobytes = rest.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    *place += kilobytes.unwrap_or(0) << 10;
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
1000-3000 rw-p 00000000 00:00 0
Size:                  8 kB
Rss:                   8 kB
Pss:                   8 kB
Anonymous:             8 kB
3000-9000 rw-p 00002000 00:01 1025      /memfd:template (deleted)
Rss:                  20 kB
Pss:                   6 kB
Anonymous:             4 kB
f000-12000 ---p 00000000 00:00 0
Rss:                   0 kB
12000-13000 r-xp 00000000 fe:00 5       /lib/a-b c
Rss:                   4 kB
Anonymous:             0 kB
";

    #[test]
    fn maps_belong_to_the_ranges_in_which_they_start() {
        let ranges = [0xf000..0x12000, 0x0..0xf000, 0x20000..0x30000];
        let pages = of_ranges(SMAPS, &ranges);
        let of_second =
            Pages { private_bytes: 12 << 10, shared_bytes: 16 << 10, proportional_bytes: 14 << 10 };
        assert_eq!(pages, [Pages::default(), of_second, Pages::default()]);
    }
}
