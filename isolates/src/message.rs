//! Messages: object graphs taken out of one heap and put into another. Not there yet.
