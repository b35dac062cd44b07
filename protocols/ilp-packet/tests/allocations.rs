//! Parsing and forwarding a packet allocate nothing; a counting allocator watches.
//! What is parsed is compared in `vectors`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use clock::Timestamp;
use ilp_packet::{AddressRef, Condition, Fulfill, Fulfillment, Prepare, PrepareBuf, Reply};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator cannot be written without; it only counts and passes on")]
// SAFETY: every call is passed on unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `alloc` above, that is, from the system allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATIONS.with(Cell::get);
    let result = work();
    (result, ALLOCATIONS.with(Cell::get) - before)
}

#[test]
fn parsing_and_forwarding_allocate_nothing() {
    let now = Timestamp::from_millis(1_772_323_200_000);
    let octets = Prepare {
        amount: 5,
        expires_at: now,
        execution_condition: Condition::new([1; 32]),
        destination: AddressRef::new("test.somewhere.else").unwrap(),
        data: &[2; 100],
    }
    .encode();
    let (parsed, allocations) = allocations_of(|| Prepare::parse(&octets).is_ok());
    assert!(parsed);
    assert_eq!(allocations, 0, "parsing");

    let (forwarded, allocations) = allocations_of(|| {
        let mut packet = PrepareBuf::parse(octets).unwrap();
        packet.set_amount(4);
        packet.set_expires_at(Timestamp::from_millis(now.as_millis() - 1000));
        packet.into_bytes()
    });
    assert_eq!(allocations, 0, "forwarding");
    assert_eq!(Prepare::parse(&forwarded).unwrap().amount, 4);

    let reply = Fulfill { fulfillment: Fulfillment::new([3; 32]), data: &[4; 50] }.encode();
    let (parsed, allocations) = allocations_of(|| Reply::parse(&reply).is_ok());
    assert!(parsed);
    assert_eq!(allocations, 0, "reading a reply");

    let (_, allocations) = allocations_of(|| vec![0u8; 10]);
    assert_eq!(allocations, 1, "the counter counts");
}
