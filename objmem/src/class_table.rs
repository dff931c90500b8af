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
