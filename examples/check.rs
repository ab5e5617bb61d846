//! Looks at a data folder, a list or an archive of photos before a training does: its classes, their counts and sizes, what cannot be read, what is
//! there twice or looks the same, as a page with contact sheets.
//!
//! `cargo run --release --example check -- --data photos --out runs/check`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result};
use clap::Parser;
use image::{ImageReader, Rgb, RgbImage};
use marque::data::{
    AlikeClasses, ImageFolder, ImageSize, Inventory, Part, Preprocess, Resize, Sample, SplitConfig,
    check_output,
};
use marque::report::{Table, TablePage, save_table};
use marque_fs::write_atomically;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terminal::tell;

/// Look at the photos of a data folder, a list or an archive.
#[derive(Parser, Debug)]
struct Arguments {
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*, a list of photos (CSV, TSV or a JSON object a line), or an archive of them
    /// or a folder of archives (tar files, WebDataset's too, and Parquet tables). Several times for several together.
    #[arg(long, value_name = "DIR", required = true)]
    data: Vec<PathBuf>,
    /// Where the page and the contact sheets go.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Photos of each class on the contact sheet.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    columns: u16,
}

fn main() -> ExitCode {
    terminal::run(program)
}

/// A photo on a contact sheet, and the room between two.
const CELL: ImageSize = ImageSize {
    height: 96,
    width: 128,
};
const GAP: u32 = 4;
/// The most rows of a contact sheet.
const MOST_ROWS: usize = 100;

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    for folder in arguments.data.iter().filter(|place| !place.is_file()) {
        check_output(&arguments.out, folder)?;
    }
    let images = ImageFolder::scan_all(&arguments.data, AlikeClasses::Refuse)?;
    let split = images.split(&SplitConfig::default())?;
    let inventory = Inventory::take(&images, &split);
    let unreadable: BTreeSet<&Path> = inventory
        .bad
        .iter()
        .map(|photo| photo.file.path.as_path())
        .collect();
    let mut table = Table::new([
        "class",
        "train",
        "validation",
        "test",
        "unreadable",
        "median width",
        "median height",
    ]);
    let mut rows = Vec::new();
    for (label, (name, counts)) in inventory.class_names.iter().zip(&inventory.counts).enumerate() {
        let of_class = images.samples().filter(|sample| sample.label == label);
        let (bad, good): (Vec<&Sample>, Vec<&Sample>) =
            of_class.partition(|sample| unreadable.contains(sample.path.as_path()));
        let sizes: Vec<(u32, u32)> = good.iter().filter_map(|sample| dimensions(sample)).collect();
        let [width, height] = [
            median(sizes.iter().map(|size| size.0)),
            median(sizes.iter().map(|size| size.1)),
        ];
        let counts = Part::ALL.map(|part| counts[part as usize].to_string());
        let cells = [bad.len().to_string(), width, height];
        table.push(std::iter::once(name.clone()).chain(counts).chain(cells));
        let columns = usize::from(arguments.columns);
        // From all over the class, not its first ones.
        let step = (good.len() / columns).max(1);
        rows.push(good.into_iter().step_by(step).take(columns).collect());
    }
    save_table(&arguments.out, "classes", &table)?;
    let warnings = inventory.warnings();
    let warnings = warnings.iter().map(|warning| format!("WARNING: {warning}"));
    let mut notes: Vec<String> = inventory.notes().into_iter().chain(warnings).collect();
    sheet(&arguments.out, "contact.png", &rows)?;
    notes.push("contact.png shows some photos of each class, a row for each in this order.".to_owned());
    if !inventory.alike.is_empty() {
        let by_path: BTreeMap<&Path, &Sample> = images
            .samples()
            .map(|sample| (sample.path.as_path(), sample))
            .collect();
        let pairs: Vec<Vec<&Sample>> = inventory
            .alike
            .iter()
            .map(|pair| {
                let samples = pair.iter().filter_map(|photo| by_path.get(photo.path.as_path()));
                samples.copied().collect()
            })
            .collect();
        sheet(&arguments.out, "alike.png", &pairs)?;
        notes.push("alike.png shows photos that look nearly the same, a row for each pair.".to_owned());
    }
    let page = TablePage {
        kind: "Data".to_owned(),
        title: images.root().display().to_string(),
        lead: format!(
            "{} photos of {} classes.",
            images.len(),
            inventory.class_names.len()
        ),
        caption: "Classes".to_owned(),
        table,
        notes,
    };
    let file = page.write(&arguments.out, "check")?;
    tell!("{inventory}\n{}", file.display());
    Ok(())
}

/// Width and height by the photo's header, in pixels.
fn dimensions(sample: &Sample) -> Option<(u32, u32)> {
    let reader = ImageReader::new(Cursor::new(sample.read().ok()?));
    reader.with_guessed_format().ok()?.into_dimensions().ok()
}

/// The middle one; nothing of none.
fn median(values: impl Iterator<Item = u32>) -> String {
    let mut values: Vec<u32> = values.collect();
    values.sort_unstable();
    values
        .get(values.len() / 2)
        .map_or_else(String::new, u32::to_string)
}

/// Writes rows of photos as one picture; a photo that cannot be read any more stays white.
fn sheet(out: &Path, name: &str, rows: &[Vec<&Sample>]) -> Result<()> {
    let preprocess = Preprocess {
        image_size: CELL,
        resize: Resize::Cover,
        ..Preprocess::default()
    };
    let rows = &rows[..rows.len().min(MOST_ROWS)];
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0).max(1) as u32;
    let (width, height) = (CELL.width as u32 + GAP, CELL.height as u32 + GAP);
    let mut picture = RgbImage::from_pixel(
        columns * width,
        (rows.len() as u32 * height).max(1),
        Rgb([255; 3]),
    );
    for (row, samples) in (0_u32..).zip(rows) {
        for (column, sample) in (0_u32..).zip(samples) {
            let photo = sample.decode().and_then(|photo| preprocess.resize_image(&photo));
            if let Ok(photo) = photo {
                image::imageops::replace(
                    &mut picture,
                    &photo,
                    (column * width).into(),
                    (row * height).into(),
                );
            }
        }
    }
    let mut png = Vec::new();
    picture.write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png)?;
    let file = out.join(name);
    write_atomically(&file, |target| target.write_all(&png))
        .with_context(|| format!("cannot write {}", file.display()))
}
