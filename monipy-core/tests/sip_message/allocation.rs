//! Reading allocates twice, however large the message and however many its headers.

use crate::sample::{invite, options_with};
use monipy_core::sip::Message;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more, and nobody asks for it.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn a_message_is_a_buffer_and_a_table() {
    let frame = invite();
    assert_eq!(allocations(|| drop(Message::parse(&frame))), 2);
    let message = Message::parse(&frame).expect("sound");
    let typed = allocations(|| {
        assert!(message.from().tag().is_some() && message.to().tag().is_none() && message.contact().is_some());
        assert_eq!(message.top_via().branch(), Some(&b"z9hG4bKinv1"[..]));
        assert_eq!(message.record_routes().count(), 3);
        assert!(message.request_uri().is_some_and(|uri| uri.user_is("55hm45vp")));
    });
    assert_eq!(typed, 0, "views allocate nothing");
}

#[test]
fn a_flood_of_headers_is_given_up_at_the_limit() {
    let frame = options_with(&("Via: SIP/2.0/WSS a;branch=z9hG4bK1\r\n".repeat(4_000) + &"X-A: b\r\n".repeat(4_000)));
    // The buffer, the table growing to 256 entries, the box of the refusal.
    assert!(allocations(|| assert!(Message::parse(&frame).is_err())) <= 8);
}
