//! Reading a JPEG's markers from the start of the picture to its end.

use std::path::Path;

use super::bits::Stop;
use super::frame::Frame;
use super::scan::{Cut, ScanHeader};
use super::tables::Tables;
use crate::Error;
use crate::decode::check_size;

/// The most scans of one picture: a hostile file could have the same blocks counted through without end.
pub(super) const MAX_SCANS: usize = 100;

const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// What the components of a picture mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColorSpace {
    Grey,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

/// What is known of a complete picture before it is decoded.
#[derive(Debug)]
pub(super) struct Survey {
    /// Where the picture ends, its end marker included where it has one.
    pub(super) end: usize,
    /// Width and height.
    pub(super) size_px: [u32; 2],
    /// Whether the file relies on the standard's Huffman tables.
    pub(super) lacks_tables: bool,
    /// Whether a sequential picture has its components in several scans.
    pub(super) scans_apart: bool,
    pub(super) color_space: ColorSpace,
    /// Whether `zune-jpeg` takes the components for something else.
    pub(super) colors_unusual: bool,
    /// Where the data of the only scan end, if its blocks were not counted.
    pub(super) uncounted: Option<usize>,
}

/// How closely a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The blocks of a picture with a single scan are left to a decoder that notices a lack of data.
    Markers,
    /// All blocks are counted.
    Blocks,
}

impl Survey {
    /// Surveys a file that begins like a JPEG.
    ///
    /// # Errors
    /// [`Error::NotRead`] for a kind of JPEG that no photo has, [`Error::ImageTooLarge`], [`Error::Truncated`] where the
    /// file ends first, [`Error::CutShort`] where something else comes before the end of the picture, and
    /// [`Error::DamagedJpeg`].
    pub(super) fn of(bytes: &[u8], name: &Path, depth: Depth) -> Result<Self, Error> {
        let mut surveyor = Surveyor {
            bytes,
            name,
            depth,
            uncounted: None,
            tables: Tables::new(),
            frame: None,
            jfif: false,
            adobe: None,
            scans: 0,
            lacks_tables: false,
            scans_apart: false,
        };
        surveyor.run()
    }
}

struct Surveyor<'a> {
    bytes: &'a [u8],
    name: &'a Path,
    depth: Depth,
    uncounted: Option<usize>,
    tables: Tables,
    frame: Option<Frame>,
    jfif: bool,
    /// The transform of Adobe's segment.
    adobe: Option<u8>,
    scans: usize,
    lacks_tables: bool,
    scans_apart: bool,
}

impl Surveyor<'_> {
    fn run(&mut self) -> Result<Survey, Error> {
        let mut position = 2;
        loop {
            let Some((marker, after)) = next_marker(self.bytes, position) else {
                return Err(self.truncated());
            };
            position = after;
            match marker {
                END_OF_IMAGE => return self.ended(position),
                START_OF_IMAGE => return Err(self.without_rest("another picture begins")),
                // Restart markers and TEM stand alone.
                0xD0..=0xD7 | 0x01 => continue,
                _ => {}
            }
            let content = segment(self.bytes, position).ok_or_else(|| self.truncated())?;
            position += 2 + content.len();
            if marker == START_OF_SCAN {
                position = self.scan(content, position)?;
                if self.frame.as_ref().is_some_and(Frame::is_complete) {
                    return self.ended(self.behind_end_marker(position));
                }
            } else {
                self.header(marker, content)?;
            }
        }
    }

    /// The position behind the end marker, if that and fill bytes are all that stands at `position`.
    fn behind_end_marker(&self, position: usize) -> usize {
        let rest = self.bytes.get(position..).unwrap_or_default();
        let fill = rest.iter().take_while(|&&byte| byte == 0xFF).count();
        if fill > 0 && rest.get(fill) == Some(&END_OF_IMAGE) {
            position + fill + 1
        } else {
            position
        }
    }

    /// A segment that is no scan.
    fn header(&mut self, marker: u8, content: &[u8]) -> Result<(), Error> {
        match marker {
            0xC4 => self
                .tables
                .read(content)
                .ok_or_else(|| self.damaged("a Huffman table"))?,
            0xDD => {
                let &interval = content
                    .first_chunk::<2>()
                    .ok_or_else(|| self.damaged("the restart interval"))?;
                self.tables.restart_interval = usize::from(u16::from_be_bytes(interval));
            }
            0xE0 if content.len() >= 14 && content.starts_with(b"JFIF\0") => self.jfif = true,
            0xEE if content.starts_with(b"Adobe") => self.adobe = content.get(11).copied(),
            0xC0..=0xCF | 0xDE if marker != 0xC8 && marker != 0xCC => self.frame_header(marker, content)?,
            _ => {}
        }
        Ok(())
    }

    fn frame_header(&mut self, marker: u8, content: &[u8]) -> Result<(), Error> {
        let precision = content.first().copied().unwrap_or(8);
        let unread = match marker {
            0xC9 | 0xCA => "an arithmetic-coded JPEG",
            0xC3 | 0xCB => "a lossless JPEG",
            0xC5..=0xC7 | 0xCD..=0xCF | 0xDE => "a hierarchical JPEG",
            _ if precision != 8 => "a JPEG with more than 8 bits per sample",
            _ if content.get(1..3) == Some(&[0, 0]) => "a JPEG that gives its height behind the picture",
            _ if !matches!(content.get(5), None | Some(0 | 1 | 3 | 4)) => {
                "a JPEG of neither one, three nor four components"
            }
            _ => "",
        };
        if !unread.is_empty() {
            return Err(Error::NotRead {
                path: self.name.to_owned(),
                found: unread,
                advice: "save it again as a baseline or progressive JPEG",
            });
        }
        if self.frame.is_some() {
            return Err(self.damaged("a second frame header"));
        }
        let mut frame =
            Frame::read(content, marker == 0xC2).ok_or_else(|| self.damaged("the frame header"))?;
        let bytes_per_pixel = if frame.components.len() == 1 { 1 } else { 3 };
        check_size(self.name, [frame.width_px, frame.height_px], bytes_per_pixel)?;
        frame.reserve();
        self.frame = Some(frame);
        Ok(())
    }

    fn scan(&mut self, content: &[u8], position: usize) -> Result<usize, Error> {
        let header = self
            .frame
            .as_ref()
            .and_then(|frame| ScanHeader::read(content, frame));
        let Some(header) = header.filter(|_| self.scans < MAX_SCANS) else {
            return Err(self.damaged("the header of a scan"));
        };
        let Some(frame) = &mut self.frame else {
            return Err(self.damaged("the header of a scan"));
        };
        if header.lacks_table(&self.tables) {
            self.tables.fill_with_standard();
            self.lacks_tables = true;
        }
        if self.scans == 0 && !frame.progressive {
            self.scans_apart = header.members.len() < frame.components.len();
        }
        self.scans += 1;
        if self.depth == Depth::Markers
            && let Some(end) = header.end_of_only_scan(self.bytes, position, frame, &self.tables)
        {
            self.uncounted = Some(end);
            return Ok(end);
        }
        header
            .walk(self.bytes, position, frame, &self.tables)
            .map_err(|cut| self.cut_short(&cut))
    }

    /// The answer for a picture that goes to `end`.
    fn ended(&self, end: usize) -> Result<Survey, Error> {
        let Some(frame) = self.frame.as_ref().filter(|frame| frame.is_shown()) else {
            return Err(self.without_rest("the end marker follows"));
        };
        let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        let color_space = color_space(&ids, self.jfif, self.adobe);
        let usual = match (color_space, self.adobe) {
            (ColorSpace::Grey, _) => true,
            (ColorSpace::Rgb, adobe) => ids == *b"RGB" && adobe.is_none(),
            (ColorSpace::YCbCr, adobe) => ids != *b"RGB" && matches!(adobe, None | Some(1)),
            (ColorSpace::Cmyk, adobe) => matches!(adobe, None | Some(0)),
            (ColorSpace::Ycck, adobe) => adobe == Some(2),
        };
        Ok(Survey {
            end,
            size_px: [frame.width_px, frame.height_px],
            lacks_tables: self.lacks_tables,
            scans_apart: self.scans_apart,
            uncounted: self.uncounted,
            color_space,
            colors_unusual: !usual,
        })
    }

    fn truncated(&self) -> Error {
        Error::Truncated {
            path: self.name.to_owned(),
            found_bytes: self.bytes.len() as u64,
        }
    }

    fn damaged(&self, part: &'static str) -> Error {
        Error::DamagedJpeg {
            path: self.name.to_owned(),
            part,
        }
    }

    /// The error for a scan that lacks blocks.
    fn cut_short(&self, cut: &Cut) -> Error {
        let next = match next_marker(self.bytes, cut.position) {
            _ if cut.stop == Stop::Damaged => "damaged data follow",
            None => return self.truncated(),
            Some((END_OF_IMAGE, _)) => "the end marker follows",
            Some((START_OF_IMAGE, _)) => "another picture begins",
            Some(_) => "something else follows",
        };
        Error::CutShort {
            path: self.name.to_owned(),
            found_blocks: cut.found_blocks,
            expected_blocks: cut.expected_blocks,
            next,
        }
    }

    /// The error for a picture of which whole scans are missing.
    fn without_rest(&self, next: &'static str) -> Error {
        let blocks = |all: bool| {
            let frame = self.frame.iter().flat_map(|frame| &frame.components);
            frame
                .filter(|component| all || component.arrived == u64::MAX)
                .map(|component| component.blocks.iter().product::<usize>())
                .sum()
        };
        Error::CutShort {
            path: self.name.to_owned(),
            found_blocks: blocks(false),
            expected_blocks: blocks(true),
            next,
        }
    }
}

/// The rules of libjpeg, which other programs follow.
fn color_space(ids: &[u8], jfif: bool, adobe: Option<u8>) -> ColorSpace {
    match (ids, adobe) {
        ([_], _) => ColorSpace::Grey,
        ([_, _, _], Some(0)) if !jfif => ColorSpace::Rgb,
        (b"RGB", None) if !jfif => ColorSpace::Rgb,
        ([_, _, _], _) => ColorSpace::YCbCr,
        (_, None | Some(0)) => ColorSpace::Cmyk,
        (_, Some(_)) => ColorSpace::Ycck,
    }
}

/// Markers and contents of the segments in front of the first scan.
pub(in crate::decode) fn header_segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut position = 2;
    std::iter::from_fn(move || {
        let (marker, after) = next_marker(bytes, position)?;
        if matches!(marker, 0xD0..=0xDA | 0x01) {
            return None;
        }
        let content = segment(bytes, after)?;
        position = after + 2 + content.len();
        Some((marker, content))
    })
}

/// The content of the segment whose length stands at `position`.
fn segment(bytes: &[u8], position: usize) -> Option<&[u8]> {
    let rest = bytes.get(position..)?;
    let length = usize::from(u16::from_be_bytes(*rest.first_chunk::<2>()?));
    rest.get(2..length.max(2))
}

/// The next marker at or after `position`, and where it ends. Bytes of a scan are stepped over: in them 0xFF is
/// followed by 0.
pub(super) fn next_marker(bytes: &[u8], mut position: usize) -> Option<(u8, usize)> {
    loop {
        position += memchr::memchr(0xFF, bytes.get(position..)?)?;
        match bytes.get(position + 1)? {
            0x00 => position += 2,
            0xFF => position += 1,
            &marker => return Some((marker, position + 2)),
        }
    }
}
