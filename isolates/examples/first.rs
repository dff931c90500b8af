//! Times of the parts of a spawn.
use rowel_interpreter::vm::Vm;
use rowel_objmem::{ChildSizes, Heap, Oop, Template, image::HeapOptions, scavenger::Tenure};
use std::time::Instant;

fn main() {
    let path = std::env::args().nth(1).expect("image");
    let t = Instant::now();
    let mut vm = Vm::open(path.as_ref(), &HeapOptions::default()).unwrap();
    println!("open {:?}", t.elapsed());
    let t = Instant::now();
    let template = vm.freeze_heap().unwrap();
    println!("freeze {:?}", t.elapsed());
    let n = Oop::small_integer(1);
    let selector = vm.find_selector(n, "benchFib").unwrap();
    let t = Instant::now();
    let class = vm.find_class("SystemDictionary").unwrap();
    println!("find class {:?} {:?}", t.elapsed(), class);
    let mut times = [[0u128; 7]; 201];
    for row in &mut times {
        let t0 = Instant::now();
        let heap = template.instantiate(&ChildSizes::default()).unwrap();
        let t1 = Instant::now();
        let zone = heap.stack_zone();
        let mut vm = Vm::new(heap, zone);
        let t2 = Instant::now();
        vm.start(n, selector, &[], 40).unwrap();
        let t3 = Instant::now();
        let r = vm.run_root();
        let t4 = Instant::now();
        assert_eq!(r, rowel_interpreter::start::Ended::Returned(Oop::small_integer(1)));
        drop(vm);
        let t5 = Instant::now();
        *row = [t1 - t0, t2 - t1, t3 - t2, t4 - t3, t5 - t4, t5-t0, t4-t0].map(|d| d.as_nanos());
    }
    for i in 0..7 {
        let mut c: Vec<_> = times.iter().map(|r| r[i]).collect();
        c.sort();
        println!("{} median {} ns  max {}", ["instantiate", "new", "start", "run", "drop", "all", "to end"][i], c[100], c[200]);
    }
    let mut times = vec![];
    for _ in 0..50 {
        let t = Instant::now();
        let h = vm.fork_heap(&ChildSizes::default()).unwrap();
        times.push(t.elapsed());
        drop(h);
    }
    times.sort();
    println!("fork of fresh: {:?}", times[25]);
    let mut keep = vec![];
    for _ in 0..5 { for i in 0..1000 { let _ = i; keep.push(vm.byte_array_object(&[1; 1000]).unwrap()); } 
      let a = vm.array_object(&keep).unwrap(); let so = vm.heap.special_objects(); let _ = so; vm.heap.set_special(41, a); keep.clear(); 
      vm.fork_heap(&ChildSizes::default()).unwrap(); let a = vm.heap.special(41); keep = (0..vm.heap.slot_count(a) as usize).map(|i| vm.heap.fetch(a, i)).collect(); }
    println!("old {}", vm.heap.old_bytes_in_use());
    let mut times = vec![];
    for _ in 0..50 {
        let t = Instant::now();
        let h = vm.fork_heap(&ChildSizes::default()).unwrap();
        times.push(t.elapsed());
        drop(h);
    }
    times.sort();
    println!("fork of 5 MB: {:?}", times[25]);
    let _ = (Heap::has_class_index, Tenure::All, Template::bytes);
}
