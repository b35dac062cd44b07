//! Reads an asset as people write it on the command line.
//! What is done with it is in the commands.

use money::Asset;

/// `USD/2`.
pub(crate) fn read_asset(text: &str) -> Result<Asset, String> {
    let asset = text.split_once('/').and_then(|(code, scale)| Asset::new(code, scale.parse().ok()?).ok());
    asset.ok_or_else(|| "write code and decimal places, as in USD/2".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_a_code_and_a_scale() {
        assert_eq!(read_asset("USD/2").unwrap(), Asset::new("USD", 2).unwrap());
        for wrong in ["USD", "USD/", "USD/two", "USD/256", "/2"] {
            assert!(read_asset(wrong).unwrap_err().contains("as in USD/2"), "{wrong}");
        }
    }
}
