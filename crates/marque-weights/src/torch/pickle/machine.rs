//! The stack machine: instructions in, values out.

use super::cursor::Cursor;
use super::globals::is_hostile;
use super::{Global, Id, Object, Pickle, PickleError, Value};
use std::collections::HashMap;

/// No checkpoint needs as many: one of a thousand tensors with its optimiser takes two hundred thousand.
const MAX_INSTRUCTIONS: usize = 4_000_000;

/// More names than these say nothing new.
const MAX_BLOCKED: usize = 20;

/// Runs the program that begins at `offset`; gives its values and where it ends.
pub(super) fn run(bytes: &[u8], offset: usize) -> Result<(Pickle<'_>, usize), PickleError> {
    let mut machine = Machine {
        cursor: Cursor::new(bytes, offset),
        at: offset,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        kept: HashMap::new(),
        blocked: Vec::new(),
    };
    let root = machine.run();
    if !machine.blocked.is_empty() {
        return Err(PickleError::Blocked {
            names: machine.blocked,
        });
    }
    let values = machine.values;
    Ok((Pickle { values, root: root? }, machine.cursor.offset()))
}

struct Machine<'a> {
    cursor: Cursor<'a>,
    /// Where the instruction that runs begins.
    at: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    kept: HashMap<u32, Id>,
    /// Names that no checkpoint has a use for.
    blocked: Vec<String>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id, PickleError> {
        for _ in 0..MAX_INSTRUCTIONS {
            self.at = self.cursor.offset();
            let opcode = self.cursor.u8()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
        Err(PickleError::TooLong {
            limit: MAX_INSTRUCTIONS,
        })
    }

    fn step(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            0x80 => self.protocol(),
            0x95 => self.cursor.take(8).map(|_| ()), // Frames help those who read from a pipe.
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' | b'1' | b'2' | b'q' | b'r' | 0x94 | b'h' | b'j' => self.rearrange(opcode),
            b'a' | b'e' | b's' | b'u' | 0x90 | b'b' => self.fill(opcode),
            b'l' | b't' | 0x85..=0x87 | b'd' | 0x91 => self.gather(opcode),
            b'c' | 0x93 => self.global(opcode),
            b'R' | 0x81 | 0x92 | b'o' => self.object(opcode),
            b'Q' => {
                let key = self.pop()?;
                self.push(Value::Persistent(key));
                Ok(())
            }
            _ => {
                let value = self.literal(opcode)?;
                self.push(value);
                Ok(())
            }
        }
    }

    fn protocol(&mut self) -> Result<(), PickleError> {
        match self.cursor.u8()? {
            2..=5 => Ok(()),
            protocol => Err(PickleError::Protocol { protocol }),
        }
    }

    fn literal(&mut self, opcode: u8) -> Result<Value<'a>, PickleError> {
        let cursor = &mut self.cursor;
        Ok(match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i64::from(cursor.u32()?.cast_signed())),
            b'K' => Value::Int(i64::from(cursor.u8()?)),
            b'M' => Value::Int(i64::from(cursor.u16()?)),
            0x8a => whole_number(cursor.counted::<1>()?),
            0x8b => whole_number(cursor.counted::<4>()?),
            b'G' => Value::Float(cursor.f64_big_endian()?),
            b'X' => Value::Text(cursor.text::<4>()?),
            0x8c => Value::Text(cursor.text::<1>()?),
            0x8d => Value::Text(cursor.text::<8>()?),
            b'U' => text_or_bytes(cursor.counted::<1>()?),
            b'T' => text_or_bytes(cursor.counted::<4>()?),
            b'C' => Value::Bytes(cursor.counted::<1>()?),
            b'B' => Value::Bytes(cursor.counted::<4>()?),
            0x8e | 0x96 => Value::Bytes(cursor.counted::<8>()?),
            b']' => Value::List(Vec::new()),
            b')' => Value::Tuple(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            0x8f => Value::Set(Vec::new()),
            _ => {
                return Err(PickleError::UnknownOpcode {
                    offset: self.at,
                    opcode,
                });
            }
        })
    }

    /// What moves values on the stack or to the memo and back.
    fn rearrange(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b'0' => self.pop().map(|_| ()),
            b'1' => self.pop_to_mark().map(|_| ()),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }
            b'h' => {
                let key = u32::from(self.cursor.u8()?);
                self.recall(key)
            }
            b'j' => {
                let key = self.cursor.u32()?;
                self.recall(key)
            }
            _ => {
                let key = match opcode {
                    b'q' => u32::from(self.cursor.u8()?),
                    b'r' => self.cursor.u32()?,
                    _ => self.kept.len() as u32, // Bounded by the number of instructions.
                };
                let top = self.top()?;
                self.kept.insert(key, top);
                Ok(())
            }
        }
    }

    fn recall(&mut self, key: u32) -> Result<(), PickleError> {
        let offset = self.at;
        let id = self.kept.get(&key).ok_or(PickleError::NotKept { offset, key })?;
        self.stack.push(*id);
        Ok(())
    }

    /// What puts values into the value below them.
    fn fill(&mut self, opcode: u8) -> Result<(), PickleError> {
        if opcode == b'b' {
            return self.build();
        }
        let added = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_to_mark()?,
        };
        let offset = self.at;
        let into = self.top()?;
        let wrong = |expected| Err(PickleError::WrongKind { offset, expected });
        match (opcode, &mut self.values[into.0 as usize]) {
            (b'a' | b'e', Value::List(members)) | (0x90, Value::Set(members)) => members.extend(added),
            // Members of a queue or of somebody's own kind of list or set: of no use here.
            (b'a' | b'e' | 0x90, Value::Object(_)) => {}
            (b's' | b'u', Value::Dict(entries)) => entries.extend(pairs(&added, offset)?),
            (b's' | b'u', Value::Object(object)) => object.entries.extend(pairs(&added, offset)?),
            (b's' | b'u', _) => return wrong("a dictionary"),
            (0x90, _) => return wrong("a set"),
            _ => return wrong("a list"),
        }
        Ok(())
    }

    fn build(&mut self) -> Result<(), PickleError> {
        let state = self.pop()?;
        let into = self.top()?;
        match &mut self.values[into.0 as usize] {
            Value::Object(object) => object.state = Some(state),
            _ => {
                return Err(PickleError::WrongKind {
                    offset: self.at,
                    expected: "an object",
                });
            }
        }
        Ok(())
    }

    /// What makes a value of others.
    fn gather(&mut self, opcode: u8) -> Result<(), PickleError> {
        let members = match opcode {
            0x85..=0x87 => {
                let mut members = (0x85..=opcode)
                    .map(|_| self.pop())
                    .collect::<Result<Vec<_>, _>>()?;
                members.reverse();
                members
            }
            _ => self.pop_to_mark()?,
        };
        let value = match opcode {
            b'l' => Value::List(members),
            b'd' => Value::Dict(pairs(&members, self.at)?.collect()),
            0x91 => Value::Set(members),
            _ => Value::Tuple(members),
        };
        self.push(value);
        Ok(())
    }

    fn global(&mut self, opcode: u8) -> Result<(), PickleError> {
        let (module, name) = if opcode == b'c' {
            (self.cursor.line()?, self.cursor.line()?)
        } else {
            let name = self.pop()?;
            let module = self.pop()?;
            match (&self.values[module.0 as usize], &self.values[name.0 as usize]) {
                (Value::Text(module), Value::Text(name)) => (*module, *name),
                _ => {
                    return Err(PickleError::WrongKind {
                        offset: self.at,
                        expected: "a module and a name",
                    });
                }
            }
        };
        let global = Global { module, name };
        if is_hostile(global) {
            self.block(global);
        }
        self.push(Value::Global(global));
        Ok(())
    }

    fn object(&mut self, opcode: u8) -> Result<(), PickleError> {
        let (callable, arguments) = match opcode {
            b'o' => {
                let mut arguments = self.pop_to_mark()?;
                if arguments.is_empty() {
                    return Err(PickleError::NoValue { offset: self.at });
                }
                let callable = arguments.remove(0);
                (callable, self.add(Value::Tuple(arguments)))
            }
            _ => {
                if opcode == 0x92 {
                    self.pop()?; // Arguments with names: of no use here.
                }
                let arguments = self.pop()?;
                (self.pop()?, arguments)
            }
        };
        let offset = self.at;
        let wrong = |expected| PickleError::WrongKind { offset, expected };
        // A class within a class is named by a call, too.
        if !matches!(
            self.values[callable.0 as usize],
            Value::Global(_) | Value::Persistent(_) | Value::Object(_)
        ) {
            return Err(wrong("the name of a class or a function"));
        }
        if !matches!(self.values[arguments.0 as usize], Value::Tuple(_)) {
            return Err(wrong("a tuple of arguments"));
        }
        self.push(Value::Object(Box::new(Object {
            callable,
            arguments,
            state: None,
            entries: Vec::new(),
        })));
        Ok(())
    }

    fn block(&mut self, global: Global<'_>) {
        let name: String = global.to_string().escape_debug().take(100).collect();
        if self.blocked.len() < MAX_BLOCKED && !self.blocked.contains(&name) {
            self.blocked.push(name);
        }
    }

    fn add(&mut self, value: Value<'a>) -> Id {
        let id = Id(self.values.len() as u32); // Bounded by twice the number of instructions.
        self.values.push(value);
        id
    }

    fn push(&mut self, value: Value<'a>) {
        let id = self.add(value);
        self.stack.push(id);
    }

    /// How low the stack may be emptied: to the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, PickleError> {
        let above_mark = &self.stack[self.floor()..];
        above_mark
            .last()
            .copied()
            .ok_or(PickleError::NoValue { offset: self.at })
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or(PickleError::NoValue { offset: self.at })?;
        Ok(self.stack.split_off(mark))
    }
}

fn pairs(members: &[Id], offset: usize) -> Result<impl Iterator<Item = (Id, Id)>, PickleError> {
    let (pairs, rest) = members.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(PickleError::NoValue { offset });
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)))
}

fn whole_number(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > size_of::<i64>() {
        return Value::Long(bytes);
    }
    let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(wide))
}

/// Python 2 has one type for both.
fn text_or_bytes(bytes: &[u8]) -> Value<'_> {
    std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text)
}
