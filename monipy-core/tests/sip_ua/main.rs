//! The SIP user agent in virtual time: whole registrations and calls against a scripted far side.

mod bench;

mod call_incoming;
mod call_outgoing;
mod hostile_requests;
mod in_dialog_requests;
mod law_of_events;
mod offers_in_calls;
mod reconnection;
mod registration;
mod registration_faults;
mod reliable_provisional;
mod server_role;
mod wire_shapes;
