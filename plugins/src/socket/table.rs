//! The sockets of a session, found by keys that are never given out twice.

use super::Socket;

/// A table from key to socket. A key is the slot's number from 1 in the low half and the number of
/// times that the slot was used in the high half, so the key of a destroyed socket finds nothing.
#[derive(Debug, Default)]
pub struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    uses: u32,
    socket: Option<Box<Socket>>,
}

impl Table {
    /// Keep `socket`; answers its key.
    pub fn insert(&mut self, socket: Socket) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { uses: 0, socket: None });
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        slot.uses += 1;
        slot.socket = Some(Box::new(socket));
        u64::from(slot.uses) << 32 | (u64::from(index) + 1)
    }

    /// The socket with this key.
    pub fn get(&mut self, key: u64) -> Option<&mut Socket> {
        self.slot(key)?.socket.as_deref_mut()
    }

    /// All sockets.
    pub fn sockets(&self) -> impl Iterator<Item = &Socket> {
        self.slots.iter().filter_map(|slot| slot.socket.as_deref())
    }

    /// The keys of all sockets.
    pub fn keys(&self) -> Vec<u64> {
        let slots = self.slots.iter().zip(1_u64..).filter(|(slot, _)| slot.socket.is_some());
        slots.map(|(slot, number)| u64::from(slot.uses) << 32 | number).collect()
    }

    /// Forget a socket and answer it.
    pub fn remove(&mut self, key: u64) -> Option<Socket> {
        let slot = self.slot(key)?;
        let socket = slot.socket.take()?;
        if slot.uses < u32::MAX {
            self.free.push((key as u32) - 1);
        }
        Some(*socket)
    }

    fn slot(&mut self, key: u64) -> Option<&mut Slot> {
        let index = (key as u32).checked_sub(1)?;
        self.slots.get_mut(index as usize).filter(|slot| u64::from(slot.uses) == key >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Semaphores};
    use super::*;

    fn socket() -> Socket {
        let fd = std::fs::File::open("/dev/null").expect("a file").into();
        Socket::new(fd, Kind::Datagram, Semaphores::default())
    }

    #[test]
    fn keys_of_removed_sockets_find_nothing() {
        let mut table = Table::default();
        let (first, second) = (table.insert(socket()), table.insert(socket()));
        assert!(table.remove(first).is_some());
        assert!(table.remove(first).is_none());
        let third = table.insert(socket());
        assert_ne!(first, third);
        assert_eq!(first as u32, third as u32, "the slot is used again");
        assert!(table.get(first).is_none());
        assert!(table.get(second).is_some() && table.get(third).is_some());
        for key in [0, 1, 3, u64::MAX, 1 << 32] {
            assert!(table.get(key).is_none());
        }
    }
}
