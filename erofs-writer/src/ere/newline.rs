//! Searching a text that has newlines with a pattern that has `^` or `$`.
//!
//! `^` should match only where the text starts. But glibc also matches it after a
//! newline, provided that the match has taken this newline itself. Likewise `$` matches
//! before a newline that the match takes next. An automaton that only looks at
//! neighbouring bytes cannot tell this. So the states of the NFA are followed here,
//! together with what the match has taken.

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;

/// A state, and what the match has done on the way to it.
#[derive(Clone, Copy)]
struct Thread {
    state: StateID,
    /// Whether the match has taken a byte.
    begun: bool,
    /// Whether a `$` was passed before a newline, so that the match may not end here.
    owes: bool,
}

impl Thread {
    /// The number of this thread among all possible ones.
    fn index(self) -> usize {
        self.state.as_usize() * 4 + usize::from(self.begun) * 2 + usize::from(self.owes)
    }

    /// The thread after `look` if that holds at `pos`.
    fn pass(self, nfa: &NFA, look: Look, next: StateID, text: &[u8], pos: usize) -> Option<Self> {
        let after_newline = pos.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'\n');
        let mut owes = self.owes;
        let holds = match look {
            Look::StartLF => pos == 0 || (self.begun && after_newline),
            Look::EndLF => {
                owes |= pos < text.len();
                pos == text.len() || text.get(pos) == Some(&b'\n')
            }
            _ => nfa.look_matcher().matches(look, text, pos),
        };
        holds.then_some(Self { state: next, owes, ..self })
    }
}

/// Whether `nfa` matches anywhere in `text`. Takes time linear in both.
pub(super) fn is_match(nfa: &NFA, text: &[u8]) -> bool {
    let (mut now, mut then) = (Vec::new(), Vec::new());
    // For each thread, the last position at which it was seen, plus 1.
    let mut seen = vec![0; nfa.states().len() * 4];
    for pos in 0..=text.len() {
        now.push(Thread { state: nfa.start_anchored(), begun: false, owes: false });
        while let Some(thread) = now.pop() {
            let last = std::mem::replace(&mut seen[thread.index()], pos + 1);
            if last == pos + 1 {
                continue;
            }
            let byte = text.get(pos).copied();
            let taken = match nfa.state(thread.state) {
                State::Match { .. } if !thread.owes => return true,
                State::Match { .. } | State::Fail => None,
                State::ByteRange { trans } => {
                    byte.filter(|&byte| trans.matches_byte(byte)).map(|_| trans.next)
                }
                State::Sparse(table) => byte.and_then(|byte| table.matches_byte(byte)),
                State::Dense(table) => byte.and_then(|byte| table.matches_byte(byte)),
                State::Look { look, next } => {
                    now.extend(thread.pass(nfa, *look, *next, text, pos));
                    None
                }
                State::Union { alternates } => {
                    now.extend(alternates.iter().map(|&state| Thread { state, ..thread }));
                    None
                }
                State::BinaryUnion { alt1, alt2 } => {
                    now.extend([*alt1, *alt2].map(|state| Thread { state, ..thread }));
                    None
                }
                State::Capture { next, .. } => {
                    now.push(Thread { state: *next, ..thread });
                    None
                }
            };
            then.extend(taken.map(|state| Thread { state, begun: true, owes: false }));
        }
        std::mem::swap(&mut now, &mut then);
    }
    false
}
