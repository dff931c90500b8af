//! What an isolate is given when it starts: memory, time, permissions, a name.

use std::time::Duration;

use rowel_jit::JitOptions;
use rowel_objmem::ChildSizes;

use crate::channel::Channel;
use crate::message::Message;
use crate::spawner::IsolateId;

/// What an isolate may do outside its own memory. What it may not do, its primitives fail to do, as where a
/// VM lacks the plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Read and write files and directories.
    pub files: bool,
    /// Open network connections, and look up names.
    pub sockets: bool,
    /// Start other programs, and send signals to them.
    pub processes: bool,
    /// Show something on a screen, and use the clipboard.
    pub display: bool,
}

impl Permissions {
    /// None: what a child has unless told otherwise.
    pub const NONE: Permissions =
        Permissions { files: false, sockets: false, processes: false, display: false };
    /// All.
    pub const ALL: Permissions =
        Permissions { files: true, sockets: true, processes: true, display: true };

    /// As bits: 1 files, 2 sockets, 4 processes, 8 display.
    pub fn bits(self) -> u64 {
        let Permissions { files, sockets, processes, display } = self;
        let bits = [files, sockets, processes, display].into_iter().enumerate();
        bits.map(|(index, is_set)| u64::from(is_set) << index).sum()
    }

    /// Those of [`bits`](Self::bits).
    pub fn of_bits(bits: u64) -> Permissions {
        Permissions {
            files: bits & 1 != 0,
            sockets: bits & 2 != 0,
            processes: bits & 4 != 0,
            display: bits & 8 != 0,
        }
    }

    /// What both allow: a child gets what its parent grants and has.
    #[must_use]
    pub fn and(self, other: Permissions) -> Permissions {
        Permissions {
            files: self.files && other.files,
            sockets: self.sockets && other.sockets,
            processes: self.processes && other.processes,
            display: self.display && other.display,
        }
    }

    /// Whether a plugin of this name may be used.
    pub(crate) fn allow(self, module: &str) -> bool {
        match module {
            "FilePlugin" | "FileAttributesPlugin" => self.files,
            "SocketPlugin" => self.sockets,
            "UnixOSProcessPlugin" | "AioPlugin" => self.processes && self.files,
            "ClipboardExtendedPlugin" => self.display,
            _ => true,
        }
    }
}

/// How an isolate is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For people.
    pub name: String,
    /// Eden, stack, and how much private old space there may be. When that is used up, the isolate dies.
    pub memory: ChildSizes,
    /// What it may do.
    pub permissions: Permissions,
    /// The priority of its first Smalltalk process.
    pub priority: i64,
    /// By how much the system is to prefer others to its thread: 0 to 19.
    pub nice: i32,
    /// How much processor time it may take. When that is used up, it dies.
    pub time: Option<Duration>,
    /// How native code is made, and how much; not before the isolate has run for [`Settings::jit_after`].
    pub jit: JitOptions,
    /// How long it runs before native code is made.
    pub jit_after: Duration,
    /// Whether it is told of the ends of isolates that it is linked to, instead of ending with them.
    pub traps_exits: bool,
    /// The isolate that it is linked to from the start.
    pub linked_to: Option<IsolateId>,
    /// The isolate that is told of its end. The number of this monitor is that of the new isolate.
    pub watched_by: Option<IsolateId>,
    /// Channels that its image may ask for by name.
    pub channels: Vec<(String, Channel<Message>)>,
    /// The image's arguments.
    pub arguments: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: String::new(),
            memory: ChildSizes::default(),
            permissions: Permissions::NONE,
            priority: 40,
            nice: 0,
            time: None,
            jit: JitOptions::default(),
            jit_after: Duration::from_millis(20),
            traps_exits: false,
            linked_to: None,
            watched_by: None,
            channels: Vec::new(),
            arguments: Vec::new(),
        }
    }
}
