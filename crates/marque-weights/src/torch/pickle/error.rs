/// What can be wrong with a pickle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PickleError {
    #[error("it ends at byte {offset}, within an instruction of its pickle")]
    Truncated { offset: usize },
    #[error(
        "byte {offset} of its pickle is 0x{opcode:02x}, which is no instruction of pickle protocols 2 to 5"
    )]
    UnknownOpcode { offset: usize, opcode: u8 },
    #[error("its pickle is of protocol {protocol}, expected 2 to 5")]
    Protocol { protocol: u8 },
    #[error("the instruction at byte {offset} of its pickle takes a value that is not there")]
    NoValue { offset: usize },
    #[error("the instruction at byte {offset} of its pickle takes value {key}, which was never kept")]
    NotKept { offset: usize, key: u32 },
    #[error("the instruction at byte {offset} of its pickle needs {expected}")]
    WrongKind { offset: usize, expected: &'static str },
    #[error("the text at byte {offset} of its pickle is not UTF-8")]
    NotText { offset: usize },
    #[error("its pickle has more than {limit} instructions")]
    TooLong { limit: usize },
    #[error(
        "its pickle asks to run code that a checkpoint has no use for: {}. Nothing of it was run; if you trust the file, \
         load it with PyTorch and save its state dict alone",
        names.join(", ")
    )]
    Blocked { names: Vec<String> },
}
