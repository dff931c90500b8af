//! The class table: from class index to class, and the indices that classes get.
//!
//! The table is the hidden roots object: 4,096 slots of pages, each an array of 1,024 classes. A
//! class's index is also its identity hash. Source: `SpurMemoryManager>>#classAtIndex:`,
//! `#enterIntoClassTable:`.

use crate::format::Format;
use crate::heap::Heap;
use crate::layout::{
    ARRAY_CLASS_INDEX_PUN, CLASS_TABLE_PAGE_SHIFT, CLASS_TABLE_PAGE_SIZE, CLASS_TABLE_ROOT_SLOTS,
};
use crate::oop::{ClassIndex, Oop};

impl Heap {
    /// The class with this index; nil when there is none.
    #[inline]
    pub fn class_at(&self, index: ClassIndex) -> Oop {
        let page =
            self.memory.fetch(self.hidden_roots, (index.0 >> CLASS_TABLE_PAGE_SHIFT) as usize);
        if page == self.nil {
            return self.nil;
        }
        self.memory.fetch(page, (index.0 & (CLASS_TABLE_PAGE_SIZE - 1)) as usize)
    }

    /// The class index that instances of `class` carry, entering the class into the table when it
    /// is not there yet. `None` when the table is full or memory is used up.
    pub fn index_of_class(&mut self, class: Oop) -> Option<ClassIndex> {
        let index = ClassIndex(self.memory.header(class).hash());
        // An object that got its hash before it served as a class is not where the hash says.
        if index.0 != 0 && self.class_at(index) == class {
            return Some(index);
        }
        self.enter_class(class)
    }

    /// Give `class` this index, which becomes its identity hash too; whatever class had the index loses it. `None`
    /// when memory is used up.
    ///
    /// # Panics
    /// When the index is beyond the table.
    pub fn enter_class_at(&mut self, class: Oop, index: ClassIndex) -> Option<()> {
        let page_index = index.0 >> CLASS_TABLE_PAGE_SHIFT;
        assert!(page_index < CLASS_TABLE_ROOT_SLOTS, "{index:?} is beyond the class table");
        let page = self.page_for_entry(page_index)?;
        self.store(page, (index.0 & (CLASS_TABLE_PAGE_SIZE - 1)) as usize, class);
        let header = self.memory.header(class).with_hash(index.0);
        self.memory.set_header(class, header);
        Some(())
    }

    /// The classes of the table with their indices, in the order of these, forwarders followed. A class that has
    /// several indices comes as often; one without instances need not have any.
    pub fn classes(&self) -> impl Iterator<Item = (ClassIndex, Oop)> {
        let pages = 0..CLASS_TABLE_ROOT_SLOTS;
        let pages = pages.filter(|page| self.fetch(self.hidden_roots, *page as usize) != self.nil);
        let first_indices = pages.map(|page| page << CLASS_TABLE_PAGE_SHIFT);
        let indices = first_indices.flat_map(|first| first..first + CLASS_TABLE_PAGE_SIZE);
        let entries = indices.map(ClassIndex).map(|index| (index, self.class_at(index)));
        let classes = entries.filter(|(_, class)| *class != self.nil && class.is_pointer());
        classes.map(|(index, class)| (index, self.follow(class)))
    }

    /// The hidden roots object.
    pub fn hidden_roots(&self) -> Oop {
        self.hidden_roots
    }

    fn enter_class(&mut self, class: Oop) -> Option<ClassIndex> {
        let first = self.class_table_hint.max(CLASS_TABLE_PAGE_SIZE);
        for page_index in first >> CLASS_TABLE_PAGE_SHIFT..CLASS_TABLE_ROOT_SLOTS {
            let page = self.page_for_entry(page_index)?;
            for entry in 0..CLASS_TABLE_PAGE_SIZE {
                if self.memory.fetch(page, entry as usize) == self.nil {
                    let index = page_index << CLASS_TABLE_PAGE_SHIFT | entry;
                    self.store(page, entry as usize, class);
                    let header = self.memory.header(class).with_hash(index);
                    self.memory.set_header(class, header);
                    self.class_table_hint = index;
                    return Some(ClassIndex(index));
                }
            }
        }
        None
    }

    /// The class table page `page_index`, made when there is none.
    fn page_for_entry(&mut self, page_index: u32) -> Option<Oop> {
        let page = self.memory.fetch(self.hidden_roots, page_index as usize);
        if page != self.nil {
            return Some(page);
        }
        let class = ClassIndex(ARRAY_CLASS_INDEX_PUN);
        let slots = u64::from(CLASS_TABLE_PAGE_SIZE);
        let page = self.allocate_old(class, Format::INDEXABLE, slots)?;
        self.memory.fill(self.memory.slot_address(page, 0), slots, self.nil.0);
        self.store(self.hidden_roots, page_index as usize, page);
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::{BootstrapOptions, bootstrap_class};

    #[test]
    fn classes_come_in_the_order_of_their_indices_from_all_pages() {
        let mut heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
        let made: Vec<Oop> = (0..3)
            .map(|_| heap.allocate_filled(bootstrap_class::CLASS, Format::FIXED, 3))
            .map(|class| class.expect("memory"))
            .collect();
        let own = heap.index_of_class(made[0]).expect("an index");
        // Nothing is on the pages between.
        let far = ClassIndex(5 * CLASS_TABLE_PAGE_SIZE + 7);
        heap.enter_class_at(made[1], far).expect("memory");
        let classes: Vec<(ClassIndex, Oop)> = heap.classes().collect();
        assert!(classes.is_sorted_by_key(|(index, _)| index.0));
        assert!(classes.iter().all(|(index, class)| heap.class_at(*index) == *class));
        let index_of = |wanted: Oop| {
            classes.iter().find(|(_, class)| *class == wanted).map(|(index, _)| *index)
        };
        assert_eq!(
            made.iter().map(|class| index_of(*class)).collect::<Vec<_>>(),
            [Some(own), Some(far), None]
        );
        assert!(index_of(heap.nil()).is_none());
    }
}
