"""Files that are whole or not there, whenever a program is killed."""

from tfqd.compressed.atomic import new_file as new_file
