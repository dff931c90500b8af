//! A segment to objects. They are made anew, so that the words stay what they were if there is not
//! enough memory.

use super::SegmentError;
use super::piece::{Piece, Pieces, Reference};
use crate::format::Format;
use crate::header::{Header, IMMUTABLE_BIT, PINNED_BIT};
use crate::heap::Heap;
use crate::layout::class_index;
use crate::oop::{ClassIndex, Oop};

/// Flags of a header that loaded objects keep.
const KEPT_FLAGS: u64 = IMMUTABLE_BIT | PINNED_BIT;

impl Heap {
    /// Make the objects of the segment in the 32-bit words `words`, whose references to the outside are
    /// the elements of the Array `out_pointers`. `words` is forwarded to an Array of all of them. Answers
    /// the first, the array of roots. Never moves an object; primitive 99.
    ///
    /// # Errors
    /// See [`SegmentError`].
    pub fn load_image_segment(
        &mut self,
        words: Oop,
        out_pointers: Oop,
    ) -> Result<Oop, SegmentError> {
        let [words, out_pointers] = [words, out_pointers].map(|oop| self.memory.follow(oop));
        self.check_kind(words, out_pointers)?;
        self.check_may_cut(&[words])?;
        let contents = 0..self.memory.slot_count(words) as usize;
        let contents = contents.map(|index| self.memory.fetch_u64(words, index)).collect();
        let pointers = 0..self.memory.slot_count(out_pointers) as usize;
        let pointers =
            pointers.map(|index| self.memory.follow(self.memory.fetch(out_pointers, index)));
        let pointers: Vec<Oop> = pointers.collect();
        let pieces = Pieces::read(self, contents, &pointers)?;
        let (objects, all) = self.make_objects(&pieces).ok_or(SegmentError::NoMemory)?;
        let classes = self.give_class_indices(&pieces, &objects).ok_or(SegmentError::NoMemory)?;
        for (number, piece) in pieces.list.iter().enumerate() {
            self.fill(&pieces, piece, &objects, number)?;
            self.finish_header(piece, objects[number], classes[number]);
            self.store(all, number, objects[number]);
        }
        self.forward(words, all);
        Ok(objects[0])
    }

    /// Objects of the right sizes and formats without contents, and the Array for all of them.
    fn make_objects(&mut self, pieces: &Pieces) -> Option<(Vec<Oop>, Oop)> {
        let count = pieces.list.len();
        let mut objects = Vec::new();
        objects.try_reserve_exact(count).ok()?;
        for piece in &pieces.list {
            let format = piece.header.format();
            // Until the object has its class.
            let class =
                if format.is_pointers() { class_index::ARRAY } else { class_index::BYTE_ARRAY };
            let object = if piece.header.is_pinned() {
                let object = self.allocate_old(class, format, piece.slots)?;
                let fill = if format.is_pointers() { self.nil.0 } else { 0 };
                let first = self.memory.slot_address(object, 0);
                self.memory.fill(first, piece.slots.max(1), fill);
                object
            } else {
                self.allocate_filled(class, format, piece.slots)?
            };
            objects.push(object);
        }
        let all = self.allocate_filled(class_index::ARRAY, Format::INDEXABLE, count as u64)?;
        Some((objects, all))
    }

    /// Enter the classes into the class table. Answers the class index of each object.
    fn give_class_indices(&mut self, pieces: &Pieces, objects: &[Oop]) -> Option<Vec<ClassIndex>> {
        for (piece, object) in pieces.list.iter().zip(objects) {
            if piece.is_class {
                self.index_of_class(*object)?;
            }
        }
        let classes = pieces.list.iter().map(|piece| match piece.class {
            Reference::Inside(number) => objects[number],
            Reference::Outside(class) => class,
        });
        classes.map(|class| self.index_of_class(class)).collect()
    }

    fn fill(
        &mut self,
        pieces: &Pieces,
        piece: &Piece,
        objects: &[Oop],
        number: usize,
    ) -> Result<(), SegmentError> {
        for index in 0..piece.slots as usize {
            if index as u64 >= piece.references {
                self.memory.store_u64(objects[number], index, pieces.word(piece, index));
                continue;
            }
            let value = match pieces.reference(piece, index)? {
                Reference::Inside(number) => objects[number],
                Reference::Outside(oop) => oop,
            };
            self.store(objects[number], index, value);
        }
        Ok(())
    }

    /// Class, hash and flags; the hash of a class is its index already.
    fn finish_header(&mut self, piece: &Piece, object: Oop, class: ClassIndex) {
        let mut header = self.memory.header(object).with_class_index(class);
        if !piece.is_class {
            header = header.with_hash(piece.header.hash());
        }
        let header = Header(header.0 | piece.header.0 & KEPT_FLAGS);
        self.memory.set_header(object, header);
    }
}
